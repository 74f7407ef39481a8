"""What a policy writes to be graded: replies that differ, hang on the step alone, and see their own task."""

import numpy as np
import pytest
import torch
from test_goals import policy

from lmloop.methods.lora import Lora
from lmloop.methods.lora_plus import LoraPlus
from lmloop.methods.mixlora import Mixlora
from lmloop.methods.moelora import Moelora
from lmloop.nn.decode import write
from lmloop.nn.goals.settings import Grpo, Sft
from lmloop.nn.inference.drawing import Drawing
from lmloop.nn.optimizer import set_rate
from lmloop.nn.rollouts import Rollouts
from lmloop.nn.training import Update
from lmloop.nn.tuning import Tuning

METHODS = [Lora(rank=4), Mixlora(experts=4, rank=2), Moelora(experts=4, rank=4, tasks=2)]
GOAL = Grpo(questions=2, replies=6, tokens=5, temperature=5.0)


class Asked:
    """Two questions of two tasks; the sum of a reply's ids is its reward."""

    prompts = ((0, [1, 2, 3]), (1, [1, 2, 3]))

    def __init__(self):
        self.heard = {}

    def chosen(self, step):
        return [0, 1]

    def grade(self, number, written):
        self.heard[number] = [one.ids for one in written]
        return [float(sum(one.ids)) for one in written]


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.name())
def test_replies_differ_and_hang_on_the_step(method):
    made = policy(method)
    asked, again = Asked(), Asked()
    rows = Rollouts(made, GOAL, asked, (), 3).batch(7)
    other = Rollouts(made, GOAL, again, (), 3).batch(7)
    assert asked.heard == again.heard
    assert np.array_equal(rows.tokens_BT, other.tokens_BT)
    assert all(len(set(said)) > 3 for said in asked.heard.values())
    assert rows.beside["advantages"].std() > 0.5
    assert rows.beside["tasks"][:, 0].tolist() == [0] * 6 + [1] * 6
    first = asked.heard[0]
    Rollouts(made, GOAL, asked, (), 3).batch(8)
    assert asked.heard[0] != first


def test_a_reply_is_that_of_its_own_task_and_of_no_reply_beside_it():
    made, asked = policy(METHODS[-1]), Asked()
    rollouts = Rollouts(made, GOAL, asked, (), 3)
    rollouts.batch(2)
    alone = []
    for number in range(2):
        made.adapted.feed(tasks=torch.tensor([[1.0, 0.0], [0.0, 1.0]])[number : number + 1])
        seeds = [3 + ((2 * GOAL.questions + number) << 16) + n for n in range(GOAL.replies)]
        alone.append([write(made.decoder, [[1, 2, 3]], Drawing(5, 5.0, seed=seed))[0].ids for seed in seeds])
    assert [asked.heard[0], asked.heard[1]] == alone


def test_lora_plus_keeps_its_ratio_while_the_rate_changes():
    (optimizer,) = Tuning(policy(LoraPlus(ratio=8)), Sft()).optimizers(Update(learning_rate=1e-3))
    for rate in (1e-3, 2e-4):
        set_rate([optimizer], rate)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([rate, 8 * rate])
