"""How well searches rank: judged collections, measures, and what differs by more than chance."""
