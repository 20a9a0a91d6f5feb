"""How does a pretrained model learn a task? Data, recipe, loop, metrics and report."""

from pretrained.training.finetune import evaluate, finetune
from pretrained.training.options import TrainingOptions
from pretrained.training.recipe import Recipe
from pretrained.training.tasks import TASKS, Task

__all__ = ["TASKS", "Recipe", "Task", "TrainingOptions", "evaluate", "finetune"]
