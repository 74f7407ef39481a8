import re
from pathlib import Path

from lmloop.core.progress import Silent
from lmloop.report import live
from lmloop.report.live import LiveLine


class Pace:
    tokens_per_second, utilisation, seconds_left = 10.0, 0.5, 3.0


class Numbers:
    steps, tokens_per_step = 2, 8
    precision, threads, compile = "fp32", 1, "off"


def test_the_live_line_tells_loss_share_and_memory(tmp_path, monkeypatch):
    noted = []
    with LiveLine(Numbers(), tmp_path, Silent()) as line:
        line.began(0, Numbers(), Pace(), 1e9)
        monkeypatch.setattr(line._bar, "note", noted.append)
        line.stepped(1, 2.5, Pace())
        monkeypatch.setattr(live, "STATM", Path("/nowhere"))
        line.stepped(2, 2.5, Pace())
    assert re.fullmatch(r"step 1, loss 2\.500, 50% of peak(, \d+\.\d GB)?", noted[0])
    assert noted[1] == "step 2, loss 2.500, 50% of peak"
