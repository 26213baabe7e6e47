"""Whether the sources of this process are to come to an end where they are."""

import threading

# Set by the command that runs the job, when it is told to stop. A partition's restriction is then
# claimed to its end without being read, so that the runner finishes what is in flight, and with it
# the job. For runners without checkpoints: one that keeps its place would believe it.
STOPPING = threading.Event()
