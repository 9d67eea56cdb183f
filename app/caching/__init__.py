"""Where answers are kept that may be given again."""
