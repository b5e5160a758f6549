"""The broker of files hands every message to exactly one of several workers."""

import subprocess
import sys
from pathlib import Path

from kombu import Connection

from progress_project import broker

MESSAGES = 300
CONSUME = """
import sys; from pathlib import Path; from kombu import Connection
from progress_project import broker
broker.install()
with Connection("filesystem://localhost/", transport_options=broker.transport_options(Path(sys.argv[1]))) as connection:
    queue = connection.SimpleQueue("work")
    queue.consumer.qos(prefetch_count=1)
    while (message := queue.get(timeout=10)).payload != "end":
        print(message.payload)
        message.ack()
    message.ack()
"""


def test_every_message_is_taken_once_while_others_are_still_written(tmp_path: Path) -> None:
    broker.install()
    command = [sys.executable, "-c", CONSUME, str(tmp_path)]
    consumers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    with Connection("filesystem://localhost/", transport_options=broker.transport_options(tmp_path)) as connection:
        queue = connection.SimpleQueue("work")
        for message in [*range(MESSAGES), *["end" for _ in consumers]]:
            queue.put(message)
    taken = [line for consumer in consumers for line in consumer.communicate(timeout=30)[0].split()]
    assert sorted(taken) == sorted(map(str, range(MESSAGES)))
    assert not list((tmp_path / "messages").iterdir())
    assert not list((tmp_path / "taken").iterdir())
