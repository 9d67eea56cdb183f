"""The REST API: tasks, runs, workflows, and what operators ask for."""
