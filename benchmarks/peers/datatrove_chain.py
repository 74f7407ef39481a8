"""datatrove's executor: JSONL, Gopher repetition, Gopher quality, C4, FineWeb, Parquet, as one task."""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import ParquetWriter

corpus, out = sys.argv[1:]
steps = [GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), FineWebQualityFilter()]
reader, writer = JsonlReader(corpus), ParquetWriter(f"{out}/kept")
LocalPipelineExecutor([reader, *steps, writer], tasks=1, workers=1, logging_dir=f"{out}/logs").run()
