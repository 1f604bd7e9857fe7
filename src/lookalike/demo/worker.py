"""One worker process of `draw_folder`: a job as JSON on standard input, a line on standard output per picture.

A process of its own rather than a pool's: it does not import the caller's script, so that the ten lines of a beginner
work without ``if __name__ == "__main__"``. When the parent is gone, the next line finds no reader and it ends.
"""

import json
import sys

from lookalike.demo.folder import draw_share


def main() -> int:
    """Draw one share of the pictures; 0 when all are written."""
    job = json.load(sys.stdin)

    def done() -> None:
        sys.stdout.write("1\n")
        sys.stdout.flush()

    try:
        draw_share(job, job["part"], job["parts"], done)
    except Exception as problem:
        sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
