import pytest
import torch
from torch.nn import functional

from trtconv.models.data.transforms import IGNORE
from trtconv.models.training.losses import CrossEntropy, OhemCrossEntropy, distillation, with_auxiliaries


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, generator=generator) * 3
    target = torch.randint(0, 3, (2, 8, 8), generator=generator)
    target[:, :2] = IGNORE
    return logits, target


def test_cross_entropy_by_hand() -> None:
    logits, target = scene()
    weights = torch.tensor([0.5, 1.0, 2.0])
    valid = target != IGNORE
    log_p = logits.log_softmax(1).movedim(1, -1)[valid]
    labels = target[valid]
    own = -log_p.gather(1, labels[:, None])[:, 0]
    assert CrossEntropy()(logits, target) == pytest.approx(own.mean().item(), rel=1e-6)
    weighted = (own * weights[labels]).sum() / weights[labels].sum()
    assert CrossEntropy(weights=weights.tolist())(logits, target) == pytest.approx(weighted.item(), rel=1e-6)
    smoothed = 0.9 * own.mean() - 0.1 * log_p.mean()
    assert CrossEntropy(smoothing=0.1)(logits, target) == pytest.approx(smoothed.item(), rel=1e-6)


def test_hard_pixels_are_those_below_the_threshold() -> None:
    logits, target = scene()
    chance = logits.softmax(1).gather(1, target.clamp(max=2)[:, None])[:, 0][target != IGNORE]
    expected = -chance[chance < 0.7].log().mean()
    assert OhemCrossEntropy(0.7)(logits, target) == pytest.approx(expected.item(), rel=1e-5)


def test_an_easy_batch_still_gives_its_hardest_sixteenth() -> None:
    _, target = scene()
    logits = functional.one_hot(target.clamp(max=2), 3).movedim(-1, 1).float() * 10
    logits[0, :, 4, 4] /= 2
    each = functional.cross_entropy(logits, target, ignore_index=IGNORE, reduction="none")[target != IGNORE]
    expected = each.topk(each.numel() // 16).values.mean()
    assert OhemCrossEntropy(0.7)(logits, target) == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("criterion", [CrossEntropy(), OhemCrossEntropy()], ids=["cross-entropy", "ohem"])
def test_nothing_but_ignored_pixels_is_a_loss_of_zero(criterion: torch.nn.Module) -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = criterion(logits, torch.full((1, 4, 4), IGNORE))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_distillation_is_least_at_the_teacher_and_keeps_its_scale() -> None:
    teacher = torch.tensor([[2.0, 0.0, -1.0]])
    student = teacher.clone().requires_grad_(True)
    distillation(student, teacher, 3.0).backward()
    assert student.grad is not None
    torch.testing.assert_close(student.grad, torch.zeros_like(student), atol=1e-6, rtol=0)
    assert distillation(teacher + torch.tensor([0.0, 1.0, 0.0]), teacher) > distillation(teacher, teacher)


def test_auxiliary_outputs_add_their_weighted_loss() -> None:
    logits, target = scene()
    one = CrossEntropy()(logits, target)
    torch.testing.assert_close(with_auxiliaries(CrossEntropy(), (logits, logits, logits), target, 0.5), one * 2)
