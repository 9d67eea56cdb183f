"""What a run has done, put together of its events: its history, and the view of it that people and programs see."""
