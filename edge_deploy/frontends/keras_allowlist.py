"""What a stranger's Keras configuration may name, and the configuration that Keras is given.

Keras imports, calls and unmarshals what a configuration names. Nothing of that is left to it:
each class and function is looked up in ``keras_objects.json`` (written by
``tools/write_allow_lists.py``) and written anew with the module of that list, so that what was
judged is what is built. Everything else is refused, or is the caller's own (``custom``).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from edge_deploy.core.tensorflow_operators import stateless

MAX_DEPTH = 200

# Where Keras and TensorFlow have kept Keras' own objects over the years.
_ROOTS = (
    *("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "tensorflow_core.keras"),
    *("tensorflow.python.ops.init_ops", "tensorflow.python.ops.init_ops_v2"),
)
# A class name can stand in two modules (Identity): what the path in the file says of it.
_HINTS = {
    "initializers": ("initializers", "init_ops", "init_ops_v2"),
    "regularizers": ("regularizers",),
    "constraints": ("constraints",),
    "mixed_precision": ("mixed_precision",),
    "dtype_policies": ("dtype_policies",),
    "quantizers": ("quantizers",),
}
_DATA = ("__keras_tensor__", "__tuple__", "__ellipsis__", "__slice__", "__bytes__", "TensorShape")
_ARRAYS = ("__tensor__", "__numpy__")
_NEVER = ("__lambda__", "__typespec__", "TypeSpec", "CompositeTensor")
# Layers that tf_keras writes for a call of TensorFlow in a functional model, and where they are.
_CALLS = {
    "TFOpLambda": "tf_keras.src.layers.core.tf_op_layer",
    "SlicingOpLambda": "tf_keras.src.layers.core.tf_op_layer",
    "ClassMethod": "tf_keras.src.layers.core.tf_op_layer",
    "InstanceMethod": "tf_keras.src.layers.core.tf_op_layer",
    "InstanceProperty": "tf_keras.src.layers.core.tf_op_layer",
    "TensorFlowOpLayer": "tf_keras.src.engine.base_layer",
}
# Of ragged and sparse tensors, which are the ones that such layers are written for.
_ATTRIBUTES = frozenset(
    {
        *("values", "flat_values", "row_splits", "nested_row_splits", "value_rowids", "nrows"),
        *("nested_value_rowids", "row_starts", "row_limits", "row_lengths", "nested_row_lengths"),
        *("bounding_shape", "with_values", "with_flat_values", "with_row_splits_dtype"),
        *("merge_dims", "to_tensor", "to_sparse", "indices", "dense_shape"),
    }
)
_CONSTRUCTORS = frozenset(
    {
        *("from_value_rowids", "from_row_splits", "from_row_lengths", "from_row_starts"),
        *("from_row_limits", "from_uniform_row_length", "from_nested_value_rowids"),
        *("from_nested_row_splits", "from_nested_row_lengths", "from_tensor", "from_sparse"),
    }
)
_APPLICATIONS = ".src.applications."
# Read from a path where they are a text.
_FILES = ("vocabulary", "idf_weights", "initial_vocabulary")
_CODE_KEYS = ("function", "output_shape", "mask")


@dataclass
class Checked:
    """A configuration that was looked through.

    Attributes:
        config: What Keras may be given.
        refused: What would run code or open files, in words.
        unknown: Classes and functions by their bare names that no list has.
    """

    config: Any = None
    refused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


@cache
def _lists(kind: str) -> dict[str, Any]:
    text = files("edge_deploy.frontends").joinpath("keras_objects.json").read_text("utf-8")
    listed: dict[str, Any] = json.loads(text)[kind]
    result = {
        key: {module: frozenset(names) for module, names in listed.get(key, {}).items()}
        for key in ("classes", "operations", "functions")
    }
    every = [names for names in result["classes"].values()]
    old = frozenset().union(*every, listed.get("old_names", ()))
    return {**result, "old": old, "tensorflow": frozenset(listed.get("tensorflow", ()))}


@cache
def application_layers(kind: str) -> dict[str, str]:
    """Layers that networks of ``keras.applications`` bring, and the module of each.

    Keras finds none of them by the bare name that HDF5 files hold.

    Args:
        kind: keras2 or keras3.
    """
    classes = _lists(kind)["classes"].items()
    return {name: where for where, names in classes if _APPLICATIONS in where for name in names}


def check(config: Any, kind: str, custom: Collection[str]) -> Checked:
    """Look through a model's configuration before Keras builds anything from it.

    Args:
        config: As it was parsed from JSON; it is not changed.
        kind: keras2 or keras3, the generation that is to read it.
        custom: Names of the caller's own classes and functions, registered ones with their
            package.
    """
    checked = Checked()
    try:
        checked.config = _Walk(kind, frozenset(custom), checked).value(config, 0)
    except RecursionError:
        checked.refused.append(f"a configuration nested more than {MAX_DEPTH} deep")
    return checked


@dataclass
class _Walk:
    kind: str
    custom: frozenset[str]
    found: Checked

    def value(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            self.refuse(f"a configuration nested more than {MAX_DEPTH} deep")
            return None
        if isinstance(value, list):
            return [self.value(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if "class_name" in value:
            return self.object(value, depth)
        return {key: self.value(item, depth + 1) for key, item in value.items()}

    def refuse(self, what: str) -> None:
        if what not in self.found.refused:
            self.found.refused.append(what)

    def rest(self, value: dict[str, Any], depth: int, skip: tuple[str, ...] = ()) -> dict[str, Any]:
        """The other keys of an object; how it was trained is nobody's business here."""
        gone = (*skip, "compile_config")
        return {key: self.value(item, depth + 1) for key, item in value.items() if key not in gone}

    def object(self, value: dict[str, Any], depth: int) -> Any:
        name = value["class_name"]
        module = value.get("module")
        texts = (name, module or "", value.get("registered_name") or "")
        if not all(isinstance(text, str) for text in texts):
            self.refuse("a class whose name is no text")
            return None
        if name in _NEVER:
            self.refuse(
                "a lambda as byte code" if name == "__lambda__" else f"a {name} by its name"
            )
            return None
        if name in _DATA:
            return self.rest(value, depth)
        if name in _ARRAYS:
            return self.array(value, name)
        if name == "function":
            return self.function(value)
        if self.is_custom(value, name, module):
            return self.own(value, name, depth)
        if module is not None and not _is_keras(module):
            self.refuse(f"{module}.{name}")
            return None
        if name == "Lambda":
            return self.named(self.lambda_layer(value, depth), name, "keras.layers")
        if name in _CALLS and self.kind == "keras2":
            self.call(value, name)
            return self.named(self.rest(value, depth), name, _CALLS[name])
        return self.known(value, name, depth)

    def known(self, value: dict[str, Any], name: str, depth: int) -> Any:
        """An object of Keras itself, from where the list says that it is."""
        module = value.get("module")
        if module is None:
            if "module" in value:  # Keras writes so for a class that it cannot name
                self.refuse(f"{name} of no module")
                return None
            # Keras registers its own as everybody's is registered who names no package.
            own = name.removeprefix("Custom>")
            if own in application_layers(self.kind):
                return self.rest(value, depth) | {"class_name": own}
            if name not in _lists(self.kind)["old"] | _lists("keras2")["old"]:
                self.found.unknown.append(name)
                return None
        else:
            listed = self.home(module, name)
            if listed is None:
                self.refuse(f"{module}.{name}")
                return None
            module = listed
        inner = value.get("config")
        for key, item in inner.items() if isinstance(inner, dict) else ():
            if key in _FILES and isinstance(item, str):
                self.refuse(f"{name} that reads the file {item!r}")
            if key.endswith("_type") and item == "lambda":
                self.refuse(f"{name} with byte code")
        self.constants(value.get("inbound_nodes"), texts=False)
        return self.named(self.rest(value, depth), name, module)

    def named(self, value: Any, name: str, module: str | None) -> Any:
        """Write down whose it is; files of before 2.13 say no modules, and none is added."""
        if isinstance(value, dict) and "module" in value:
            value |= {"class_name": name, "module": module, "registered_name": None}
        return value

    def home(self, module: str, name: str) -> str | None:
        """The module that has a class, by the list."""
        lists = _lists(self.kind)
        parts = module.split(".")
        if "ops" in parts and module.startswith("keras."):
            places = [where for where, names in lists["operations"].items() if name in names]
            return module if module in places else next(iter(places), None)
        places = [
            where
            for where, names in (*lists["classes"].items(), *lists["operations"].items())
            if name in names and not where.startswith("keras.src.ops.")
        ]
        if module in places:
            return module
        hint = next((kind for kind, words in _HINTS.items() if set(words) & set(parts)), "layers")
        return next((where for where in places if hint in where), next(iter(places), None))

    def is_custom(self, value: dict[str, Any], name: str, module: str | None) -> bool:
        """Whether the caller's own file or process defines it, and Keras does not."""
        registered = value.get("registered_name")
        if registered in self.custom and ">" in registered:
            return True
        if not {name, _bare(name), registered} & self.custom:
            return False
        return module is None or not _is_keras(module) or self.home(module, name) is None

    def own(self, value: dict[str, Any], name: str, depth: int) -> Any:
        registered = value.get("registered_name")
        known = next(one for one in (registered, name, _bare(name)) if one in self.custom)
        result = self.rest(value, depth)
        if "module" not in value:
            return result | {"class_name": known}
        return result | {"class_name": _bare(name), "module": None, "registered_name": known}

    def function(self, value: dict[str, Any]) -> Any:
        name, module = value.get("config"), value.get("module")
        if not isinstance(name, str):
            self.refuse("a function whose name is no text")
            return None
        for one in (value.get("registered_name"), name):
            if isinstance(one, str) and one in self.custom:
                return {
                    "class_name": "function",
                    "config": one,
                    "module": None,
                    "registered_name": one,
                }
        if isinstance(module, str) and (module == "builtins" or _is_keras(module)):
            where = "keras.ops" if "ops" in module.split(".") else "keras.activations"
            if name in _lists(self.kind)["functions"].get(where, ()):
                return {
                    "class_name": "function",
                    "config": name,
                    "module": where,
                    "registered_name": name,
                }
        self.refuse(f"the function {module}.{name}")
        return None

    def array(self, value: dict[str, Any], name: str) -> Any:
        inner = value.get("config")
        if not isinstance(inner, dict) or not _is_numbers(inner.get("value")):
            self.refuse(f"a {name} that is not made of numbers")
            return None
        return {
            "class_name": name,
            "config": {"value": inner["value"], "dtype": str(inner.get("dtype"))},
        }

    def lambda_layer(self, value: dict[str, Any], depth: int) -> Any:
        """A layer around a function, which must be the caller's own or one that computes."""
        inner = value.get("config")
        layer = f"the Lambda layer {inner.get('name') if isinstance(inner, dict) else None!r}"
        if not isinstance(inner, dict):
            self.refuse(f"{layer} of no configuration")
            return None
        result = {}
        for key, item in inner.items():
            if key in ("module", "output_shape_module", "mask_module"):
                continue  # from where byte code would take its names
            if key.endswith("_type") and item == "lambda":
                self.refuse(f"{layer} as byte code")
            elif key not in _CODE_KEYS or item is None:
                result[key] = self.value(item, depth + 1)
                continue
            elif isinstance(item, str):
                if item not in self.custom:
                    self.found.unknown.append(item)
            elif isinstance(item, dict):
                if item.get("class_name") not in ("function", *_DATA):
                    self.refuse(f"{layer} as byte code")
                result[key] = self.value(item, depth + 1)
                continue
            elif key == "function" or not _is_numbers(item):
                self.refuse(f"{layer} as byte code")
            result[key] = item
        self.constants(value.get("inbound_nodes"), texts=False)
        return self.rest(value, depth, skip=("config",)) | {"config": result}

    def call(self, value: dict[str, Any], name: str) -> None:
        """A layer that calls TensorFlow: only what computes, with nothing but data."""
        inner = value.get("config")
        inner = inner if isinstance(inner, dict) else {}
        symbol = {"TFOpLambda": "function", "SlicingOpLambda": "function"}.get(name)
        if symbol is not None:
            called, listed = inner.get(symbol), _lists("keras2")["tensorflow"]
        elif name == "ClassMethod":
            called = inner.get("method_name")
            listed = _CONSTRUCTORS if inner.get("cls_symbol") == "RaggedTensor" else frozenset()
        elif name == "TensorFlowOpLayer":
            node = inner.get("node_def")
            called = node.get("op") if isinstance(node, dict) else None
            listed = stateless() if "func" not in _keys(node) else frozenset()
        else:
            called, listed = inner.get("attr_name"), _ATTRIBUTES
        if not isinstance(called, str) or called not in listed:
            self.refuse(f"a call of TensorFlow's {called}")
        self.constants(value.get("inbound_nodes"), texts=True)

    def constants(self, nodes: Any, texts: bool) -> None:
        """Values that a functional model of Keras 2 hands to a layer instead of tensors."""
        if isinstance(nodes, list):
            constant = len(nodes) > 2 and nodes[0] == "_CONSTANT_VALUE"
            if constant and not _is_numbers(nodes[2], texts):
                self.refuse("a constant that is not made of numbers")
            for item in nodes:
                if isinstance(item, list | dict):
                    self.constants(item, texts)
        elif isinstance(nodes, dict):
            self.constants(list(nodes.values()), texts)


def _bare(name: str) -> str:
    """The class of ``package>class``."""
    return name.rpartition(">")[2]


def _is_keras(module: str) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in _ROOTS)


def _is_numbers(value: Any, texts: bool = False) -> bool:
    """Numbers, None, lists and slices of them; texts where asked for (an equation, a dtype)."""
    if isinstance(value, list):
        return all(_is_numbers(item, texts) for item in value)
    if isinstance(value, dict):
        if value.get("class_name") in _DATA:
            return _is_numbers([value.get(key) for key in ("items", "config", "value")], texts)
        return value.keys() <= {"start", "stop", "step"} and _is_numbers(list(value.values()))
    if isinstance(value, str):  # what follows that word would be JSON of its own
        return texts and value != "_COMPOSITE_TYPE"
    return value is None or isinstance(value, int | float)


def _keys(value: Any) -> set[str]:
    """All keys of nested dicts."""
    if isinstance(value, list):
        return set().union(*map(_keys, value)) if value else set()
    if isinstance(value, dict):
        return set(value) | _keys(list(value.values()))
    return set()
