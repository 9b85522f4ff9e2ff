"""Hidden tests of notebook 1: the transform, the loaders, the new head."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from autograder.graders.vgg16.networks import cheap_vgg
from autograder.graders.vgg16.pairs import TEST_FROM, wrong_pairs
from autograder.grading import (
    Challenge,
    Explained,
    Mismatch,
    Student,
    as_array,
    describe,
    expect,
    expect_close,
    expect_equal,
    expect_finite,
    expect_shape,
    expect_type,
    fields,
    flag,
    graded,
    likely_mistake,
    probe,
    sequence,
    whole,
)

# make_transform


@probe
def transformed(make_transform: Any, pictures: Any, size: Any) -> Any:
    """Each picture through the transform; a size of None asks for the default."""
    import torch
    from PIL import Image

    transform = make_transform() if size is None else make_transform(size)
    if not callable(transform):
        return {"made": transform, "results": []}
    results = [transform(Image.fromarray(picture)) for picture in pictures]
    results = [
        result.as_subclass(torch.Tensor) if isinstance(result, torch.Tensor) else result
        for result in results
    ]
    return {"made": "a function", "results": results}


def results_of(
    student: Student, pictures: list[np.ndarray[Any, Any]], size: int | None
) -> list[Any]:
    reply = fields(student.run(transformed, pictures=pictures, size=size), "made", "results")
    expect(
        isinstance(reply["made"], str) and reply["made"] == "a function",
        f"make_transform should return a function; it returns {describe(reply['made'])}.",
    )
    return sequence(reply["results"], "The transform's results", len(pictures))


def expect_picture(result: Any, size: int | None) -> np.ndarray[Any, Any]:
    """The picture as an array (3, size, size); the size that was asked for stays hidden."""
    array = as_array(result, "a transformed picture")
    asked = "with the default size" if size is None else "with the size that was asked for"
    expect(
        array.shape == (3, size or 224, size or 224),
        f"A picture should have the shape (3, size, size), {asked}; yours has {array.shape}.",
    )
    return array


@graded("make_transform_tests", weight=1)
def test_the_transform_gives_a_float_tensor_of_the_asked_size(
    student: Student, challenge: Challenge
) -> None:
    """A picture becomes a float32 tensor (3, size, size) with values from 0 to 1.

    We asked for the default size and for others, with pictures of several sizes, some black and
    some white. Which step turns bytes of 0 to 255 into numbers of 0 to 1, once and only once?
    """
    for size in (None, int(challenge.rng.integers(17, 60))):
        side = int(challenge.rng.integers(20, 40))
        pictures = [np.full((side, side, 3), level, np.uint8) for level in (0, 255)]
        pictures.append(challenge.rng.integers(0, 256, (side, side, 3)).astype(np.uint8))
        for level, result in zip((0, 1, None), results_of(student, pictures, size), strict=True):
            expect_type(result, torch.Tensor, "a transformed picture")
            expect(
                result.dtype == torch.float32,
                f"A transformed picture should be float32; yours is {describe(result)}.",
            )
            expect_picture(result, size)
            array = expect_finite(result, "a transformed picture")
            # Interpolation may overshoot by rounding, never by more than a thousandth.
            expect(
                bool(array.min() >= -1e-3 and array.max() <= 1 + 1e-3),
                "Values should lie between 0 and 1; "
                f"yours go from {array.min():.3g} to {array.max():.3g}.",
            )
            if level is not None:
                expect(
                    bool(np.abs(array - level).max() < 5e-3),
                    "Black should become 0 and white 1; yours do not."
                    + (" Are they scaled twice?" if 0 < array.max() < 0.01 else ""),
                )


@graded("make_transform_tests", weight=2)
def test_the_transform_resizes_bilinearly(student: Student, challenge: Challenge) -> None:
    """The picture is resized bilinearly, with its colours and its orientation kept.

    We resized random pictures and compared every value. Bilinear means a weighted mean of
    neighbours: neither the nearest one, nor a cubic curve, nor a crop.
    """
    # Eight for each size: where a random flip is in the transform, it shows in one of them.
    blocks = challenge.rng.integers(0, 256, (8, 12, 12, 3)).astype(np.uint8)
    small = list(blocks)
    large = list(np.kron(blocks, np.ones((1, 5, 5, 1), np.uint8)).astype(np.uint8))
    for pictures, size in ((small, 50), (large, 33)):
        seen = [
            expect_picture(expect_type(result, torch.Tensor), size)
            for result in results_of(student, pictures, size)
        ]
        given = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        right = [
            resized(given, size),
            resized(given, size, antialias=True),
            resized(given, size, align_corners=True),
        ]
        stacked = np.stack(seen).astype(np.float64)
        # PIL and torch round to bytes after each of two passes: at most 1/255 and a half of it.
        if any(np.abs(stacked - way).max() <= 1.6 / 255 for way in right):
            continue
        hint = likely_mistake(stacked, resize_mistakes(given, size), 0.03, "They are as if")
        if not hint and np.abs(stacked - either_way(stacked, right[1])).max() <= 1.6 / 255:
            hint = "Some pictures are flipped, and others not. None should be."
        twice = [as_array(result) for result in results_of(student, [*pictures, *pictures], size)]
        halves = twice[: len(pictures)], twice[len(pictures) :]
        if not hint and not all(map(np.array_equal, *halves)):
            hint = "The same picture gives another result each time. Is something random in the transform?"
        expect(False, f"The values of a resized picture are not those of a bilinear resize. {hint}")


def either_way(seen: np.ndarray[Any, Any], right: Any) -> Any:
    """Each picture as it should be, or its mirror image where that is nearer."""
    mirrored = right[..., ::-1]
    axes = (1, 2, 3)
    nearer = np.abs(seen - mirrored).max(axis=axes) < np.abs(seen - right).max(axis=axes)
    return np.where(nearer[:, None, None, None], mirrored, right)


def resize_mistakes(given: torch.Tensor, size: int) -> dict[str, Any]:
    """What else than a bilinear resize students do to pictures (n, 3, h, w)."""
    right = resized(given, size, antialias=True)
    mean, deviation = (
        np.reshape(numbers, (3, 1, 1)) for numbers in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    return {
        "the nearest pixel were taken, from above left": lambda: resized(given, size, "nearest"),
        "the nearest pixel were taken": lambda: resized(given, size, "nearest-exact"),
        "the resize were bicubic": lambda: resized(given, size, "bicubic"),
        "the antialiased resize were bicubic": lambda: resized(
            given, size, "bicubic", antialias=True
        ),
        "red and blue were exchanged": lambda: right[:, ::-1],
        "rows and columns were exchanged": lambda: right.swapaxes(2, 3),
        "the colours had been normalised with ImageNet's mean and deviation": lambda: (
            (right - mean) / deviation
        ),
        "they were divided by 255 twice": lambda: right / 255,
        "they were scaled to go from -1 to 1": lambda: 2 * right - 1,
        "the picture were flipped left to right": lambda: right[..., ::-1],
        "the picture were flipped upside down": lambda: right[..., ::-1, :],
        "the numbers were put into another shape (view, reshape) where the axes should be permuted": lambda: (
            right.transpose(0, 2, 3, 1).reshape(right.shape)
        ),
        **{
            f"the middle were cut out (a crop) of a picture resized to {words}": partial(
                cropped, given, larger, size
            )
            for words, larger in {
                "8/7 of the size": int(size * 256 / 224),
                "32 pixels more": size + 32,
            }.items()
        },
        "the middle were cut out (a crop) and nothing resized": lambda: cropped(
            given, given.shape[-1], size
        ),
    }


def cropped(images: torch.Tensor, larger: int, size: int) -> Any:
    """The middle of pictures that are resized first, as torchvision's CenterCrop cuts it."""
    around = round((larger - size) / 2)
    if around < 0:
        raise RuntimeError("There is nothing to cut.")
    part = slice(around, around + size)
    return resized(images, larger, antialias=True)[..., part, part]


def resized(images: torch.Tensor, size: int, mode: str = "bilinear", **options: bool) -> Any:
    result = F.interpolate(images, size=(size, size), mode=mode, **options)
    return result.clamp(0, 1).numpy().astype(np.float64)


# make_loaders


@probe
def orders_of_loaders(
    make_loaders: Any, train_labels: Any, test_labels: Any, test_from: Any, batch_size: Any
) -> Any:
    """The image numbers that the loaders give, batch by batch, epoch by epoch."""
    import torch
    from torch.utils.data import StackDataset

    def numbered(labels: Any, first: int) -> Any:
        """Each image is filled with its number. A class of ours could not be sent to spawned workers."""
        numbers = torch.arange(first, first + len(labels), dtype=torch.float32)
        images: Any = numbers[:, None, None, None].repeat(1, 3, 2, 2)
        data: Any = StackDataset(images, labels.tolist())
        data.targets = labels
        return data

    sets = numbered(train_labels, 0), numbered(test_labels, test_from)
    made = make_loaders(*sets) if batch_size is None else make_loaders(*sets, batch_size)
    if not isinstance(made, tuple | list) or len(made) != 2:
        return {"made": made, "train": [], "test": []}

    def epochs(loader: Any, count: int) -> Any:
        return [
            [
                ([int(image.flatten()[0]) for image in images], labels.tolist())
                for images, labels in loader
            ]
            for _ in range(count)
        ]

    return {"made": "two loaders", "train": epochs(made[0], 3), "test": epochs(made[1], 2)}


Epoch = list[list[int]]  # image numbers, batch by batch


class Seen:
    """What the loaders gave for one challenge."""

    def __init__(
        self, student: Student, challenge: Challenge, batch_size: int | None = None
    ) -> None:
        self.batch_size = batch_size or 64
        # Neither count is a multiple of the batch size, so that a dropped last batch shows.
        self.train_count = self.batch_size * 3 + int(challenge.rng.integers(1, self.batch_size))
        self.test_count = self.batch_size * 2 + int(challenge.rng.integers(1, self.batch_size))
        self.labels = {
            "train": challenge.rng.integers(0, 10, self.train_count),
            "test": challenge.rng.integers(0, 10, self.test_count),
        }
        reply = student.run(
            orders_of_loaders,
            train_labels=self.labels["train"],
            test_labels=self.labels["test"],
            test_from=TEST_FROM,
            batch_size=batch_size,
        )
        reply = fields(reply, "made", "train", "test")
        expect(
            isinstance(reply["made"], str) and reply["made"] == "two loaders",
            f"make_loaders should return two loaders; it returns {describe(reply['made'])}.",
        )
        epochs = {kind: self._epochs(reply[kind], n) for kind, n in (("train", 3), ("test", 2))}
        troubles = {
            kind: next((told for one in given if (told := self._trouble(kind, one))), "")
            for kind, given in epochs.items()
        }
        if trouble := " ".join(filter(None, dict.fromkeys(troubles.values()))):
            if trouble in student.mistakes_told:
                raise Explained(
                    "The mistake with images and labels that is named above explains this."
                )
            student.mistakes_told.append(trouble)
            raise Mismatch(trouble)
        self.train = [[[number for number, _ in batch] for batch in one] for one in epochs["train"]]
        self.test = [
            [[number - TEST_FROM for number, _ in batch] for batch in one] for one in epochs["test"]
        ]

    def _trouble(self, kind: str, epoch: list[list[tuple[int, Any]]]) -> str:
        return wrong_pairs(kind, [pair for batch in epoch for pair in batch], self.labels)

    def _epochs(self, epochs: Any, count: int) -> list[list[list[tuple[int, Any]]]]:
        """The image numbers and labels of each batch of each epoch."""
        checked = []
        for epoch in sequence(epochs, "The epochs", count):
            batches = []
            for batch in sequence(epoch, "An epoch"):
                numbers, labels = sequence(batch, "A batch", 2)
                images = [
                    whole(number, "an image's number") for number in sequence(numbers, "A batch")
                ]
                given = sequence(labels, "The labels", len(images))
                batches.append(list(zip(images, given, strict=True)))
            checked.append(batches)
        return checked


def flat(epoch: Epoch) -> list[int]:
    return [image for batch in epoch for image in batch]


@graded("make_loaders_tests", weight=2)
def test_every_image_comes_once_an_epoch_in_batches_of_the_asked_size(
    student: Student, challenge: Challenge
) -> None:
    """Each epoch gives every image exactly once, in batches of `batch_size`.

    We numbered the images and wrote down what came, with the default batch size and with another
    one. Only the last batch may be smaller. Is it dropped, or the size fixed, or are images drawn
    with replacement?
    """
    for batch_size in (None, int(challenge.rng.integers(7, 30))):
        seen = Seen(student, challenge, batch_size)
        for name, epochs, count in (
            ("training", seen.train, seen.train_count),
            ("test", seen.test, seen.test_count),
        ):
            for epoch in epochs:
                full, rest = divmod(count, seen.batch_size)
                sizes = [len(batch) for batch in epoch]
                expect(
                    len(flat(epoch)) > count - seen.batch_size,
                    f"The {name} loader leaves out more images than fit into a batch.",
                )
                expect(
                    all(size == seen.batch_size for size in sizes[:full]),
                    f"The {name} loader's batches do not all have `batch_size` images.",
                )
                expect(
                    len(flat(epoch)) >= count,
                    f"The {name} loader leaves images out where their number is no multiple of "
                    "the batch size.",
                )
                expect_equal(
                    sizes, [seen.batch_size] * full + [rest], f"the {name} loader's batch sizes"
                )
                expect(
                    sorted(flat(epoch)) == list(range(count)),
                    f"Some {name} images came more than once in an epoch, and others never.",
                )


@graded("make_loaders_tests", weight=2)
def test_training_images_come_in_a_new_random_order_each_epoch(
    student: Student, challenge: Challenge
) -> None:
    """Training images come in a new random order in every epoch.

    We looked at three epochs of one loader. An order that is drawn only once, or that mixes only
    within a batch, is not enough.
    """
    orders = [flat(epoch) for epoch in Seen(student, challenge, 16).train]
    for order in orders:
        n = len(order)
        expect(n > 40, "The training loader leaves most images out.")
        numbers = np.array(order)
        # A random order moves an image by n/3 on average, with a deviation of 0.21·√n (under 2
        # here), and about 2 pairs of neighbours stay neighbours (Poisson): no chance gets there.
        moved = np.abs(numbers - np.arange(n)).mean()
        neighbours = int((np.abs(np.diff(numbers)) == 1).sum())
        expect(
            neighbours < n // 3, "Training images come in order, or nearly so. Are they shuffled?"
        )
        expect(
            bool(moved > n / 8), "Training images move only a little. Is the whole set shuffled?"
        )
    for first, second in ((0, 1), (1, 2), (0, 2)):
        same = float(np.mean([a == b for a, b in zip(orders[first], orders[second], strict=False)]))
        expect(same < 0.5, "Two epochs gave the same order. Is it drawn anew each time?")


@graded("make_loaders_tests", weight=1)
def test_test_images_always_come_in_order(student: Student, challenge: Challenge) -> None:
    """Test images come in the set's own order, in every epoch.

    Only training needs a random order: which argument of the test loader decides?
    """
    for epoch in Seen(student, challenge, 16).test:
        order = flat(epoch)
        expect(
            len(order) > 1 and order == list(range(len(order))),
            "Test images did not come in the order of the test set.",
        )


# swap_head


@probe(uses=(cheap_vgg,))
def swapped_head(swap_head: Any, seed: int, classes: Any, images: Any) -> Any:
    """The new head, the logits, and what has happened to everything else."""
    import torch
    from torch import nn

    net = cheap_vgg(seed)
    net.eval()
    frozen = list(net.features.parameters())[seed % 2]
    frozen.requires_grad_(False)
    *layers, old_head = [module for module in net.modules() if not list(module.children())]
    *parameters, old_weight, _old_bias = net.parameters()
    rates = [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)]
    result = swap_head(net) if classes is None else swap_head(net, classes)
    if not isinstance(getattr(result, "classifier", None), nn.Sequential):
        return {"returned": result}
    layers_after = [module for module in result.modules() if not list(module.children())]
    parameters_after = list(result.parameters())
    head = result.classifier[-1]
    weight = getattr(head, "weight", None)
    result.eval()
    with torch.no_grad():
        logits = result(images)
    return {
        "returned": "a network",
        "same_net": result is net,
        "classifier_length": len(result.classifier),
        "is_linear": isinstance(head, nn.Linear),
        "head": type(head).__name__,
        "is_new": head is not old_head,
        "new_weight": weight is not old_weight,
        "features": [getattr(head, name, None) for name in ("in_features", "out_features")],
        "weight": weight,
        "bias": getattr(head, "bias", None),
        "head_trains": all(p.requires_grad and not p.is_inference() for p in head.parameters()),
        "same_layers": len(layers_after) == len(layers) + 1
        and all(old is new for old, new in zip(layers, layers_after)),  # noqa: B905
        "same_parameters": len(parameters_after) == len(parameters) + 2
        and all(old is new for old, new in zip(parameters, parameters_after)),  # noqa: B905
        "same_freezing": all(
            parameter.requires_grad == (parameter is not frozen) for parameter in parameters
        ),
        "same_rates": rates == [p.p for p in result.modules() if isinstance(p, nn.Dropout)],
        "logits": logits,
    }


SWAPPED = ("same_net", "classifier_length", "is_linear", "head", "is_new", "new_weight", "features",
           "weight", "bias", "head_trains", "same_layers", "same_parameters", "same_freezing",
           "same_rates", "logits")  # fmt: skip


def swapped(
    student: Student, seed: int, classes: int | None, images: torch.Tensor
) -> dict[str, Any]:
    reply = fields(student.run(swapped_head, seed=seed, classes=classes, images=images), "returned")
    expect(
        isinstance(reply["returned"], str) and reply["returned"] == "a network",
        f"swap_head should return the network; it returns {describe(reply['returned'])}. "
        "Does it end with `return net`?",
    )
    return fields(reply, *SWAPPED)


@graded("swap_head_tests", weight=4)
def test_the_last_layer_maps_4096_features_to_the_classes(
    student: Student, challenge: Challenge
) -> None:
    """The last layer is an nn.Linear from 4096 features to num_classes, 10 unless told otherwise.

    We asked for the default and for another number of classes. Is the number fixed where
    `num_classes` should stand, or has a layer been added behind the old one?
    """
    images = torch.from_numpy(challenge.images(2, 8))
    for classes in (None, int(challenge.rng.integers(3, 10)), int(challenge.rng.integers(11, 200))):
        seen = swapped(student, challenge.seed, classes, images)
        outputs = 10 if classes is None else classes
        length = whole(seen["classifier_length"], "the classifier's length")
        expect(length == 7, f"The classifier should keep its 7 layers; yours has {length}.")
        expect(
            flag(seen["is_linear"]),
            f"The last layer should be an nn.Linear; yours is {str(seen['head'])[:40]}.",
        )
        expect_type(seen["weight"], torch.Tensor, "the new layer's weight")
        rows = int(seen["weight"].shape[0]) if seen["weight"].ndim else 0
        expect(
            rows == outputs,
            f"The new layer has {rows} outputs where another number of classes was asked for."
            if classes
            else f"Unless told otherwise the new layer should have 10 outputs; yours has {rows}.",
        )
        expect_shape(seen["weight"], (outputs, 4096), "the new layer's weight")
        expect(seen["bias"] is not None, "The new layer should have a bias; yours has none.")
        expect_shape(seen["bias"], (outputs,), "the new layer's bias")
        # nn.Linear draws them below 1/64 here, torchvision with a deviation of 0.01, Xavier and He of 0.022.
        # With 0.3 the outputs are some ten apart before anything is learnt, and softmax has decided.
        expect(
            bool(np.sqrt((expect_finite(seen["weight"]) ** 2).mean()) < 0.3),
            "The new layer's weights are far larger than nn.Linear draws them: softmax is sure of its "
            "answers before anything is learnt. How are they initialised?",
        )
        expect(
            flag(seen["head_trains"]),
            "The new layer should be trainable; yours is frozen, or was made in inference mode.",
        )
        expect(
            flag(seen["is_new"]) and sequence(seen["features"], "Its sizes") == [4096, outputs],
            "The old layer was changed where a new nn.Linear should stand; what it says of itself is "
            "no longer true.",
        )


@graded("swap_head_tests", weight=4)
def test_nothing_before_the_new_head_changes(student: Student, challenge: Challenge) -> None:
    """All other layers stay the same objects with the same values, and feed the new head.

    We computed the features before the last layer ourselves and looked at what your network made of
    them. Has another layer been replaced, frozen or initialised again, or one been added?
    """
    images = torch.from_numpy(challenge.images(4, 8))
    seen = swapped(student, challenge.seed, int(challenge.rng.integers(3, 10)), images)
    expect(flag(seen["new_weight"]), "There is no new head: the last layer has its old weight.")
    expect(flag(seen["same_layers"]), "Another layer than the last was replaced, added or removed.")
    expect(flag(seen["same_parameters"]), "Other parameters than the last layer's were replaced.")
    expect(
        flag(seen["same_freezing"]),
        "Other layers' requires_grad was changed; only the head is new.",
    )
    expect(
        flag(seen["same_rates"]), "The rate of a Dropout layer was changed; only the head is new."
    )
    weight = expect_finite(expect_type(seen["weight"], torch.Tensor, "the new layer's weight"))
    bias = expect_finite(expect_type(seen["bias"], torch.Tensor, "the new layer's bias"))
    expect(
        weight.ndim == 2 and weight.shape[1] == 4096 and bias.shape == weight.shape[:1],
        "The new layer's weight and bias should have the shapes (classes, 4096) and (classes,).",
    )
    net = cheap_vgg(challenge.seed).eval()
    with torch.no_grad():
        features = net.classifier[:-1](net.avgpool(net.features(images)).flatten(1)).numpy()
    logits = features @ weight.T + bias  # (4, classes)
    # float32 sums of 4096 products, in another order: measured below 1e-6 of the largest value.
    scale = float(np.abs(features).max() * np.abs(weight).sum(axis=1).max() + np.abs(bias).max())
    expect_close(
        seen["logits"],
        logits,
        rtol=1e-4,
        atol=1e-5 * max(scale, 1e-3),
        what="the network's output",
        hint="It should be what the old layers give, times the new weight, plus the new bias.",
    )


@probe
def swapped_vgg16(swap_head: Any, classes: Any) -> Any:
    """Parameters of the real VGG16 with a new head; on the meta device, which needs no memory.

    But for the last layer: who copies rows of the old head into the new one needs its values.
    """
    import torch
    from torchvision import models

    with torch.device("meta"):
        net = models.vgg16(weights=None)
    net.classifier[6] = torch.nn.Linear(4096, 1000)
    result = swap_head(net) if classes is None else swap_head(net, classes)
    if not isinstance(result, torch.nn.Module):
        return {"returned": result, "same": False, "parameters": 0}
    count = sum(parameter.numel() for parameter in result.parameters())
    return {"returned": "a network", "same": result is net, "parameters": count}


@graded("swap_head_tests", weight=2)
def test_the_real_vgg16_gets_its_head_and_comes_back(
    student: Student, challenge: Challenge
) -> None:
    """The full VGG16 gets its new head in place, and the same network is returned.

    With ten classes it has 134,301,514 parameters (the lecture counts them). We tried another
    number of classes, too.
    """
    for classes in (None, int(challenge.rng.integers(11, 300))):
        reply = fields(
            student.run(swapped_vgg16, classes=classes), "returned", "same", "parameters"
        )
        expect(
            isinstance(reply["returned"], str) and reply["returned"] == "a network",
            f"swap_head should return the network; it returns {describe(reply['returned'])}.",
        )
        expect(
            flag(reply["same"]),
            "swap_head should return the network that it was given, not a new one.",
        )
        expect_equal(
            whole(reply["parameters"], "the number of parameters"),
            134_301_514 + 4097 * ((classes or 10) - 10),
            "the number of parameters of VGG16 with its new head",
        )
