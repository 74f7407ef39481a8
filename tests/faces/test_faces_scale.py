from pathlib import Path

from verb_project import Call

FEW = ("--set", "law.draws=50")


def test_fit_then_predict_from_what_is_kept(fresh: Path, call: Call) -> None:
    result = call("scale", "fit", "runs.csv", *FEW)
    assert result.exit_code == 0, result.output
    assert "irreducible loss E" in result.stdout
    told = call("scale", "predict", "law", "--params", "70B", "--tokens", "1.4T")
    assert told.exit_code == 0, told.output
    assert "N = 70B, D = 1.4T" in told.stdout
    assert "a new run should land from" in told.stdout
    best = call("scale", "predict", "law", "--flops", "1e22")
    assert "1e22 FLOPs" in best.stdout
    assert "give params and tokens" in call("scale", "predict", "law", "--params", "7B").stderr


def test_what_cannot_be_fitted_or_foretold(fresh: Path, call: Call) -> None:
    assert "needs a table of runs" in call("scale", "fit").stderr
    assert "there is no file 'nowhere.csv'" in call("scale", "fit", "nowhere.csv").stderr
    assert "what should be foretold?" in call("scale", "predict", "runs.csv").stderr
    assert "'soon' is no budget" in call("scale", "plan", "--budget", "soon").stderr
    rows = "\n".join(f"{n}e7,1e9,{3 - n / 10 + k / 100}" for n in range(1, 7) for k in range(2))
    (fresh / "flat.csv").write_text(f"n,d,loss\n{rows}\n")
    assert call("scale", "fit", "flat.csv", *FEW).exit_code == 0
    refused = call("scale", "predict", "law", "--flops", "1e20")
    assert refused.exit_code == 2
    assert "all runs have the same D" in refused.stderr
