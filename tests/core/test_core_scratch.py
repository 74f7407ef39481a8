import subprocess
import sys
from pathlib import Path

from lmloop.core.scratch import scratch_folder

USE = """
from lmloop.core.scratch import scratch_folder
folder = scratch_folder()
(folder / "tried").write_text("once")
print(folder)
"""


def test_a_scratch_folder_is_there_until_the_process_ends():
    one, other = scratch_folder(), scratch_folder()
    assert one != other
    assert not list(one.iterdir())
    there = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, check=True).stdout.strip()
    assert there
    assert not Path(there).exists()
