"""datatrove's filters over a JSONL file, each on the texts as they are: decisions and CPU seconds as JSON."""

import hashlib
import json
import sys
import time
import warnings
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils.text import split_into_words

warnings.filterwarnings("ignore")
FILTERS = {
    "gopher-quality": GopherQualityFilter(),
    "gopher-repetition": GopherRepetitionFilter(),
    "fineweb-quality": FineWebQualityFilter(),
    "c4": C4QualityFilter(),
}

split_into_words("warm up")
seconds = dict.fromkeys(["words", *FILTERS], 0.0)
decisions = []
with Path(sys.argv[1]).open(encoding="utf-8") as lines:
    for line in lines:
        text = json.loads(line)["text"]
        start = time.process_time()
        split_into_words(text)  # datatrove keeps the words of the last texts for all filters
        seconds["words"] += time.process_time() - start
        row = {}
        for name, step in FILTERS.items():
            document = Document(text=text, id="")
            start = time.process_time()
            kept = step.filter(document)
            seconds[name] += time.process_time() - start
            row[name] = "" if kept is True else kept[1] if isinstance(kept, tuple) else "dropped"
            if name == "c4" and kept is True:
                row["text"] = hashlib.md5(document.text.encode()).hexdigest()
        decisions.append(row)
print(json.dumps({"seconds": seconds, "decisions": decisions}))
