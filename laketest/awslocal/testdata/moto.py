# Serves moto on a free port of 127.0.0.1, prints its address, and ends with
# its standard input, so that it never outlives the process that started it.
import logging
import os
import sys
import threading

from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3 import notifications
from moto.s3.models import FakeDeleteMarker
from werkzeug.serving import make_server

# When a key goes for good, moto 5.2.1 asks all that is left of it to close its
# file; delete markers have none.
FakeDeleteMarker.dispose = lambda self, garbage=False: None


# moto looks at the condition of a write and then writes, in whatever thread a
# request has. DynamoDB does both in one step; so does this.
one_step = threading.RLock()


def in_one_step(write):
    def locked(self):
        with one_step:
            return write(self)

    return locked


for write in ("put_item", "update_item", "delete_item", "transact_write_items"):
    setattr(DynamoHandler, write, in_one_step(getattr(DynamoHandler, write)))


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


# S3 says in which zone the time of an event is; moto leaves that out.
notifications._EVENT_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=True)
os.environ["MOTO_PORT"] = str(server.port)
threading.Thread(target=end_with_parent, daemon=True).start()
print(f"listening http://127.0.0.1:{server.port}", flush=True)
server.serve_forever()
