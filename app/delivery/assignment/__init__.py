"""What a worker owns: assigned partitions, the fence against former owners, and the owner's record of each."""
