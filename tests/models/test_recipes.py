import pytest
from click.testing import CliRunner

from trtconv.errors import BadInput
from trtconv.models import registry
from trtconv.models.cli.train import command as train
from trtconv.models.training import presets
from trtconv.models.training.recipes import OPTIONS, Recipe
from trtconv.models.training.run import Plan


def test_every_network_has_a_recipe_that_can_work() -> None:
    for name, network in registry.networks().items():
        recipe = presets.recipe(presets.default_for(name))
        recipe.check()
        masks = recipe.crop != "resized"
        assert masks == (network.task == "segmentation"), name


@pytest.mark.parametrize("recipe", presets.RECIPES.values(), ids=presets.RECIPES)
def test_recipes_are_complete(recipe: Recipe) -> None:
    recipe.check()
    plan = Plan(recipe, images=10_000)
    rates = [plan.rate(step) for step in range(0, plan.total, max(1, plan.total // 200))]
    assert all(0 <= rate <= recipe.lr * 1.0001 for rate in rates)
    assert max(rates) > 0.9 * recipe.lr


# name, field, what the reference system's own trainer has
FACTS = [
    ("flowers", "optimizer", "adam"),
    ("flowers", "lr", 1e-4),
    ("paddle", "label_smoothing", 0.1),
    ("paddle", "weight_decay", 2e-5),
    ("paddle", "decay_all", False),
    ("paddle-large-x1.0", "lr", 0.65),
    ("paddle-small-narrow", "weight_decay", 1e-5),
    ("deeplab-folder", "momentum", 0.9),
    ("deeplab-voc", "steps", 30_000),
    ("bisenetv1-cityscapes", "lr", 1e-2),
    ("bisenetv2-cityscapes", "steps", 150_000),
    ("bisenetv2-cityscapes", "scale", (0.25, 2.0)),
    ("bisenetv2-cityscapes", "mean", (0.3257, 0.3690, 0.3223)),
    ("bisenetv2-ade20k", "std", (0.25680755, 0.25506608, 0.27422913)),
    ("bisenetv1-coco-stuff", "loss", "ohem"),
]


@pytest.mark.parametrize(("name", "field", "value"), FACTS)
def test_reference_figures(name: str, field: str, value: object) -> None:
    assert getattr(presets.recipe(name), field) == value


def test_size_moves_the_size_of_use_and_epochs_replace_steps() -> None:
    city = presets.recipe("bisenetv2-cityscapes")
    assert city.but({"size": (64, 64)}).eval_size == ()
    assert city.but({"size": (64, 64), "eval_size": (64, 128)}).eval_size == (64, 128)
    assert city.but({"epochs": 3}).steps == 0


@pytest.mark.parametrize(
    "changes",
    [{"batch": 0}, {"lr": 0.0}, {"lr": float("nan")}, {"ema": 1.5}, {"size": (0, 4)}, {"mean": (0.5,)}, {"seed": -1}],
    ids=str,
)
def test_choices_that_cannot_work(changes: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        Recipe().but(changes)


def test_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(BadInput, match="no recipe 'x'") as caught:
        presets.recipe("x")
    assert "bisenetv2-cityscapes" in caught.value.do


def test_every_choice_is_an_option_with_its_sentence() -> None:
    shown = " ".join(CliRunner().invoke(train, ["--help"], terminal_width=200).output.split())
    for spelled, field in OPTIONS.items():
        assert spelled in shown
        assert field.metadata["help"].split(".")[0] in shown
