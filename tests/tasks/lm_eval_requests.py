"""Make ``lm_eval_requests.json``: what lm-eval itself asks about invented items, request by request.

Run in an environment of its own: ``python -m venv E && E/bin/pip install 'lm_eval[math]==0.4.13' torch && E/bin/python
tests/tasks/lm_eval_requests.py``. With ``DATA`` as an argument (a folder with ``mmlu``, ``cmmlu`` and ``bbh``), it adds
digests of all requests about the real items of each subject.
"""

import csv
import hashlib
import json
import random
import sys
from pathlib import Path

import datasets
import lm_eval.tasks
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml
from sympy.parsing.latex import parse_latex

HERE = Path(__file__).parent
TASKS = Path(lm_eval.tasks.__file__).parent
N = 7
READ = {
    "arc": ("train", "test"),
    "hellaswag": ("train", "validation"),
    "winogrande": ("train", "validation"),
    "openbookqa": ("test",),
    "mmlu": ("dev", "test"),
    "cmmlu": ("dev", "test"),
    "ceval": ("dev", "val"),
    "mmlu-pro": ("validation", "test"),
    "lambada": ("test",),
    "pairs": ("train",),
    "gpqa": ("train",),
    "math": ("test",),
    "musr": ("murder_mysteries", "team_allocation"),
}
"""The splits that a benchmark reads."""


def arc(split):
    return [
        {
            "question": f"Which {split} thing number {n} melts?",
            "choices": {"text": [f"ice {n}", "a stone", "iron", "the sea"], "label": list("ABCD" if n % 2 else "1234")},
            "answerKey": "A" if n % 2 else "2",
        }
        for n in range(N)
    ]


def hellaswag(split):
    return [
        {
            "activity_label": "Making tea",
            "ctx_a": f"[header] How to boil {n} cups [title] Take water of {split}.  It boils.",
            "ctx_b": "the COOK",
            "ctx": f"[header] How to boil {n} cups [title] Take water of {split}.  It boils. the COOK",
            "endings": ["sings. [substeps] Loudly.", " [title] sleeps.", "pours  it on leaves.", "leaves [step]"],
            "label": str(n % 4),
            "source_id": f"wikihow~{n}",
        }
        for n in range(N)
    ]


def winogrande(split):
    return [
        {
            "sentence": f"Ann gave Bea {n} pears of {split} because _  was hungry.",
            "option1": "Ann",
            "option2": "Bea",
            "answer": str(n % 2 + 1),
        }
        for n in range(N)
    ]


def truthfulqa(split):
    return [
        {
            "question": f"Do {n} stones float?",
            "mc1_targets": {"choices": ["No", "Yes", "Always"], "labels": [1, 0, 0]},
            "mc2_targets": {"choices": ["No", "They sink", "Yes", "Always"], "labels": [1, 1, 0, 0]},
        }
        for n in range(N)
    ]


def piqa(split):
    return [
        {"goal": f"Keep soup {n} warm ({split})", "sol1": "lid on", "sol2": "lid off", "label": 0} for n in range(N)
    ]


def openbookqa(split):
    choices = {"text": ["a nest", "a bank", "ice", "a road"], "label": list("ABCD")}
    return [{"question_stem": f"Bird {n} of {split} builds", "choices": choices, "answerKey": "B"} for n in range(N)]


def boolq(split):
    return [{"passage": f"Town {n} has {split}.", "question": f"is {n} a town", "label": n % 2} for n in range(N)]


def mmlu(split):
    rows = [{"question": f" What is {n} and {split}?\n", "choices": [f"{n}", "two ", "3", "4"]} for n in range(N)]
    return [{**row, "subject": "abstract_algebra", "answer": n % 4} for n, row in enumerate(rows)]


def cmmlu(split):
    row = {"A": "一", "B": "二 ", "C": "三", "D": "四", "Answer": "C"}
    return [{"Question": f" {split}：{n}加1等于多少？", **row} for n in range(N)]


def ceval(split):
    row = {"A": "一", "B": "二 ", "C": "三", "D": "四", "answer": "D", "explanation": "1. 数数。"}
    return [{"question": f"{split}：{n}加1等于____ 。 ", **row} for n in range(N)]


def mmlu_pro(split):
    return [
        {
            "question": f"How much is {n} in {split}?",
            "options": [f" {letter} {n}" for letter in "abcdefghij"[: 4 + n % 6]],
            "answer": "B",
            "answer_index": 1,
            "cot_content": f"A: Let's think step by step. It is {n}. The answer is (B).",
            "category": "biology",
        }
        for n in range(N)
    ]


def lambada(split):
    return [{"text": f'Cup {n} was full, "drink," she said, so she drank from the cup'} for n in range(N)]


def blimp(split):
    return [{"sentence_good": f"Bird {n} sings.", "sentence_bad": f"Bird {n} sing."} for n in range(N)]


def gpqa(split):
    wrong = {f"Incorrect Answer {k}": f" {k}  [a] pears, [title] and {k}0" for k in (1, 2, 3)}
    return [
        {"Record ID": f"r{n}", "Question": f"  How much is  {n}? ", "Correct Answer": f"{n} ", **wrong}
        for n in range(N)
    ]


def math(split):
    return [
        {
            "problem": f"What is $\\frac{{{n}}}{{2}}$?\n",
            "level": "Level 5" if n % 2 else "Level 3",
            "type": "Counting & Probability",
            "solution": f"It is $\\boxed{{\\frac{{{n}}}{{2}}}}$.",
        }
        for n in range(N)
    ]


def musr(split):
    choices = ["Ann", "Bob's dog", "no one "][: 2 if split == "murder_mysteries" else 3]
    row = {"narrative": f"A story of {split}.\n\nIt ends.", "choices": str(choices), "answer_index": 1}
    return [{**row, "question": f"Who was {n}?", "answer_choice": choices[1]} for n in range(N)]


INVENTED = [
    # ours, its settings, lm-eval's file, shots, rows, splits of the hub
    ("arc", {"level": "easy"}, "arc/arc_easy.yaml", 0, arc),
    ("arc", {"level": "challenge", "shots": 3}, "arc/arc_challenge.yaml", 3, arc),
    ("hellaswag", {}, "hellaswag/hellaswag.yaml", 0, hellaswag),
    ("hellaswag", {"shots": 4}, "hellaswag/hellaswag.yaml", 4, hellaswag),
    ("winogrande", {"shots": 2}, "winogrande/default.yaml", 2, winogrande),
    ("truthfulqa", {}, "truthfulqa/truthfulqa_mc1.yaml", 0, truthfulqa),
    ("truthfulqa", {}, "truthfulqa/truthfulqa_mc2.yaml", 0, truthfulqa),
    ("piqa", {}, "piqa/piqa.yaml", 0, piqa),
    ("openbookqa", {}, "openbookqa/openbookqa.yaml", 0, openbookqa),
    ("boolq", {}, "super_glue/boolq/default.yaml", 0, boolq),
    ("mmlu", {"profile": "lm-eval"}, "mmlu/default/mmlu_abstract_algebra.yaml", 5, mmlu),
    ("cmmlu", {"profile": "lm-eval"}, "cmmlu/cmmlu_agronomy.yaml", 5, cmmlu),
    ("ceval", {"profile": "lm-eval"}, "ceval/ceval-valid_law.yaml", 5, ceval),
    ("mmlu-pro", {"profile": "lm-eval"}, "mmlu_pro/mmlu_pro_biology.yaml", 5, mmlu_pro),
    ("mmlu-pro", {"profile": "leaderboard-v2"}, "leaderboard/mmlu_pro/mmlu_pro.yaml", 5, mmlu_pro),
    ("lambada", {}, "lambada/lambada_openai.yaml", 0, lambada),
    ("pairs", {"profile": "lm-eval"}, "blimp/adjunct_island.yaml", 0, blimp),
    ("gpqa", {"profile": "leaderboard-v2"}, "leaderboard/gpqa/gpqa_main_zeroshot.yaml", 0, gpqa),
    ("gpqa", {"profile": "lm-eval"}, "gpqa/zeroshot/gpqa_main_zeroshot.yaml", 0, gpqa),
    ("math", {"profile": "leaderboard-v2"}, "leaderboard/math/math_counting_and_prob.yaml", 4, math),
    ("math", {"profile": "lm-eval"}, "minerva_math/minerva_math_counting_and_prob.yaml", 4, math),
    ("musr", {"subjects": ["murder_mysteries"]}, "leaderboard/musr/musr_murder_mysteries.yaml", 0, musr),
    ("musr", {"subjects": ["team_allocation"]}, "leaderboard/musr/musr_team_allocation.yaml", 0, musr),
]

SOLVED = [
    # the answer of a solution, and a reply
    (r"\frac{1}{2}", "Final Answer: The final answer is $0.5$. I hope it is correct."),
    (r"\frac{1}{2}", r"so \boxed{\frac12}"),
    (r"\frac{1}{2}", "Final Answer: The final answer is $2^{-1}$. I hope"),
    ("x+1", "Final Answer: The final answer is $1+x$. I hope it is correct."),
    ("(0,1)", "Final Answer: The final answer is $(0,1)$. I hope it is correct."),
    ("[2,5)", "Final Answer: The final answer is $[2,5)$. I hope it is correct."),
    ("1,234", "The answer is 1234"),
    (r"12\text{ cm}", "Final Answer: The final answer is $12$. I hope it is correct."),
    (r"\sqrt{8}", "Final Answer: The final answer is $2\\sqrt2$. I hope it is correct."),
    (r"90^\circ", "It is $90$ degrees"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"$\begin{pmatrix} 1 \\ 2 \end{pmatrix}$"),
    ("7", "I give up"),
    ("7", ""),
    ("x=7", "Final Answer: The final answer is $x=7$. I hope it is correct."),
    ("3", r"\boxed{4}, or rather \boxed{3}"),
    ("3", r"$\boxed{{{"),
]


def requests(path, shots, splits):
    config = load_yaml(TASKS / path)
    config["custom_dataset"] = lambda **_: datasets.DatasetDict(
        {name: datasets.Dataset.from_list(rows) for name, rows in splits.items()}
    )
    config["num_fewshot"] = shots
    task = ConfigurableTask(config={name: value for name, value in config.items() if name != "task_list"})
    task.set_fewshot_seed(1234)
    # options are shuffled whenever items are read: here as the first time, with lm-eval's seed
    random.seed(0)
    task.build_all_requests(limit=None, rank=0, world_size=1)
    return [[one.args[0], one.args[1] if isinstance(one.args[1], str) else ""] for one in task.instances]


def invented():
    found = []
    for ours, settings, path, shots, rows in INVENTED:
        names = {"train", "validation", "val", "dev", "test", *READ.get(ours, ())}
        splits = {name: rows(name) for name in sorted(names)}
        asked = requests(path, shots, splits)
        read = {name: splits[name] for name in READ.get(ours, ("validation",))}
        row = {"task": ours, "settings": settings, "from": path, "splits": read}
        prompts = list(dict.fromkeys(prompt for prompt, _ in asked))
        row |= {"prompts": prompts, "requests": [[prompts.index(prompt), text] for prompt, text in asked]}
        found.append(row)
    return found


def solved():
    """Judge invented replies to invented problems."""
    found = []
    parse_latex("1")  # the first use takes longer than an answer may
    for path in ("leaderboard/math/math_algebra.yaml", "minerva_math/minerva_math_algebra.yaml"):
        judge = load_yaml(TASKS / path)["process_results"]
        for answer, reply in SOLVED:
            row = {"solution": f"We see that it is $\\boxed{{{answer}}}$.", "answer": answer}
            found.append({"from": path, "reply": reply, **row, "values": judge(row, [reply])})
    return found


def real(data):
    found = {}
    for path in sorted((data / "mmlu/test").glob("*.csv")):
        subject = path.stem.removesuffix("_test")
        splits = {
            name: [_mmlu_row(row) for row in _rows(data / f"mmlu/{name}/{subject}_{name}.csv")]
            for name in ("test", "dev")
        }
        found[f"mmlu/{subject}"] = _digest(requests(f"mmlu/default/mmlu_{subject}.yaml", 5, splits))
    for path in sorted((data / "cmmlu/test").glob("*.csv")):
        splits = {name: list(_rows(data / f"cmmlu/{name}/{path.name}")) for name in ("test", "dev")}
        found[f"cmmlu/{path.stem}"] = _digest(requests(f"cmmlu/cmmlu_{path.stem}.yaml", 5, splits))
    for path in sorted((data / "bbh/bbh").glob("*.json")):
        splits = {"test": json.loads(path.read_text())["examples"]}
        found[f"bbh-cot/{path.stem}"] = _digest(requests(f"bbh/cot_fewshot/{path.stem}.yaml", 3, splits))
        if (TASKS / f"leaderboard/bbh_mc/{path.stem}.yaml").is_file():
            found[f"bbh-mc/{path.stem}"] = _digest(requests(f"leaderboard/bbh_mc/{path.stem}.yaml", 3, splits))
    return found


def _rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _mmlu_row(row):
    choices = [row[f"choice{place}"] for place in range(4)]
    return {"question": row["question"], "choices": choices, "answer": int(row["answer"])}


def _digest(asked):
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=8).hexdigest()


if __name__ == "__main__":
    made = {"invented": invented(), "solved": solved(), "real": real(Path(sys.argv[1])) if len(sys.argv) > 1 else {}}
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n"
    (HERE / "lm_eval_requests.json").write_text(text, encoding="utf-8")
