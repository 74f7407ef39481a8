from lmloop import run


def test_the_page_shows_every_ancestor_and_runs_no_text(corpus, recipe):
    recipe["step"][2]["title"] = "A title & more"
    done = run(recipe, home=corpus / "runs", workers=1)
    page = (done["page"].path / "report.html").read_text(encoding="utf-8")
    assert "A title &amp; more" in page
    for name in ("raw", "clean"):
        assert done[name].path.name in page
    assert "<script>alert(1)" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_it_takes_what_it_is_given_and_all_that_came_before(corpus, recipe):
    recipe["step"][2]["from"] = ["raw"]
    page = (run(recipe, home=corpus / "runs", workers=1)["page"].path / "report.html").read_text(encoding="utf-8")
    assert "What was read" in page
    assert "Where the documents went" not in page


def test_two_curations_among_the_inputs_are_compared(corpus, recipe):
    looser = {**recipe["step"][1], "id": "looser", "ops": ["unicode", "exact"]}
    recipe["step"].insert(2, looser)
    recipe["step"][3]["from"] = ["clean", "looser"]
    done = run(recipe, home=corpus / "runs", workers=1)
    page = (done["page"].path / "report.html").read_text(encoding="utf-8")
    assert f"What changed from {done['clean'].path.name} to {done['looser'].path.name}" in page
    assert "minhash: near-duplicate → kept" in page
    recipe["step"][3]["from"] = ["clean"]
    page = (run(recipe, home=corpus / "runs", workers=1)["page"].path / "report.html").read_text(encoding="utf-8")
    assert "What changed from" not in page
