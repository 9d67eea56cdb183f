"""What providers' answers say: text, calls, and how they ended; one reader for whole answers, streams and batches."""
