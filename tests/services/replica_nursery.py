"""Imported once, by the process that replicas are forked from: what a replica needs is in memory by then.

Much of it is imported only when a server is built, so one is built here, and thrown away.
"""

import uvicorn

from mcpauthkit import RedisStore
from tests.services.replica import ReplicaSettings, build_app

RedisStore("redis://127.0.0.1")
uvicorn.Config(
    build_app(
        ReplicaSettings(
            name="thrown-away",
            port=0,
            public_url="http://127.0.0.1",
            issuer_url="http://127.0.0.1",
            service_url="http://127.0.0.1",
            service_client_id="nobody",
            service_client_secret="nobody's",
        ),
    )
).load()
