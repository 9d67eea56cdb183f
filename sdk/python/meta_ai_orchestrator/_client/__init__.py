"""The client of the HTTP gateway; its public names are in `meta_ai_orchestrator`.

What a call does is written once, as generators that yield actions (`actions.py`) and do no I/O; `transports.py` carries
them out, with or without `await`.
"""
