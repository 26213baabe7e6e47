"""What the launcher of the flex template runs: the job, with the template's parameters."""

import sys

from weir.pipelines.artefacts.flex_template import launch

if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
