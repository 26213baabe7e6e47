"""Judge by any OpenAI-compatible server.

Nothing is exported here: ``engine`` and ``check`` import the client library, which only a worker
and the start of a job need; ``settings`` does not.
"""
