"""lm-eval's HFLM on a list of requests: prints CPU seconds, peak memory and all answers as one line of JSON."""

import json
import logging
import resource
import sys
import time
from pathlib import Path

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

logging.disable(logging.WARNING)
torch.set_num_threads(1)
model, file, batch = sys.argv[1:]
asked = json.loads(Path(file).read_text(encoding="utf-8"))
peer = HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=int(batch))
kind = asked["kind"]
instances = [Instance(kind, {}, tuple(request), number) for number, request in enumerate(asked["requests"])]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
found = getattr(peer, kind)(instances, disable_tqdm=True)
seconds = time.process_time() - start
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "before": before, "most": most, "found": found}))
