"""datatrove's four stages of MinHash, with its own settings; what is kept is written as JSONL."""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

corpus, out = sys.argv[1:]
config = MinhashConfig()
stages = [
    ([JsonlReader(corpus), MinhashDedupSignature(f"{out}/signatures", config=config)], 1),
    ([MinhashDedupBuckets(f"{out}/signatures", f"{out}/pairs", config=config)], config.num_buckets),
    ([MinhashDedupCluster(f"{out}/pairs", f"{out}/removed", config=config)], 1),
    ([JsonlReader(corpus), MinhashDedupFilter(f"{out}/removed"), JsonlWriter(f"{out}/kept", compression=None)], 1),
]
for number, (steps, tasks) in enumerate(stages):
    LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=f"{out}/logs{number}").run()
