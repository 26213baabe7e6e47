"""Judge by any OpenAI-compatible server.

Before a job starts ``check`` has ``trial`` ask one question, and ``settings`` hold what came of it.
Then ``engine`` makes a ``question`` of each request, with an ``answer_schema`` where the server can
hold a model to one, and sends it by ``client`` when ``gate`` lets it: as ``pace`` and
``concurrency_window`` allow, and ``breaker`` holds all of them while the server is down. What comes
back is ``untrusted_json``: read as ``answers``, and in these a ``chat_message``; as a
``model_list``; or as ``failures``, in the server's words, less the key (``key_masking``).

Nothing is exported here: ``engine`` and ``check`` import the client library, which only a worker
and the start of a job need; ``settings`` does not.
"""
