"""Who moves it: one file for each hop, in the order in which a task meets them; handlers only."""
