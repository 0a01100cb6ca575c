"""Materials of the path-traced world: glazes, plastics and metals, woods, cloths and stones."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

import numpy as np

from ppcr_lab.sim.objects import Float3

_TABLES = ("plain", "plain", "wood", "checks", "stone", "stripes", "speckles")


@dataclass(frozen=True)
class Finish:
    """Finish of a surface, each value 0..1."""

    roughness: float
    metallic: float = 0.0
    coat: float = 0.0
    translucent: float = 0.0


def draw_finish(category: str, rng: np.random.Generator) -> Finish:
    """Glazed, plastic, matt, metal or slightly translucent, as suits the kind."""
    way = rng.random()
    if way < 0.35:
        return Finish(float(rng.uniform(0.03, 0.2)), coat=float(rng.uniform(0.0, 1.0)))
    if way < 0.6:
        return Finish(float(rng.uniform(0.3, 0.5)))
    if way < 0.82:
        return Finish(float(rng.uniform(0.6, 1.0)))
    if way < 0.9 or category not in ("bottle", "bowl", "plate", "tray", "mug"):
        return Finish(float(rng.uniform(0.25, 0.5)), metallic=float(rng.uniform(0.5, 0.9)))
    return Finish(float(rng.uniform(0.05, 0.3)), translucent=float(rng.uniform(0.2, 0.55)))


def of_thing(bpy: Any, rgb: Float3, finish: Finish, rng: np.random.Generator) -> Any:
    """The material of a thing on the table: nearly one colour, with slight clouds in some."""
    material, shader = _new(bpy)
    shader.inputs["Roughness"].default_value = finish.roughness
    shader.inputs["Metallic"].default_value = finish.metallic
    shader.inputs["Coat Weight"].default_value = finish.coat
    shader.inputs["Transmission Weight"].default_value = finish.translucent
    colour = linear(rgb)
    if rng.random() < 0.3:
        darker = tuple(channel * rng.uniform(0.55, 0.9) for channel in colour)
        clouds = _node(material, "ShaderNodeTexNoise")
        clouds.inputs["Scale"].default_value = float(np.exp(rng.uniform(2.0, 5.0)))
        _mix(material, clouds.outputs[0], (darker[0], darker[1], darker[2]), colour, shader)
    else:
        shader.inputs["Base Color"].default_value = (*colour, 1.0)
    return material


def plain(bpy: Any, rgb: Float3, roughness: float) -> Any:
    """One colour, sRGB 0..1."""
    material, shader = _new(bpy)
    shader.inputs["Base Color"].default_value = (*linear(rgb), 1.0)
    shader.inputs["Roughness"].default_value = roughness
    return material


def of_table(bpy: Any, rng: np.random.Generator, *, large: bool = False) -> Any:
    """A table top (or, ``large``, a floor) of any colour and one of several patterns."""
    pattern = _TABLES[int(rng.integers(len(_TABLES)))]
    hue, saturation = rng.random(), rng.random() ** 0.8
    one = from_hsv(hue, saturation, rng.uniform(0.12, 0.95))
    other = from_hsv(hue + rng.uniform(-0.12, 0.12), saturation * rng.uniform(0.3, 1.0),
                     rng.uniform(0.12, 0.95))  # fmt: skip
    material, shader = _new(bpy)
    shader.inputs["Roughness"].default_value = float(rng.uniform(0.12, 0.9))
    if pattern == "plain":
        shader.inputs["Base Color"].default_value = (*linear(one), 1.0)
        return material
    place = _node(material, "ShaderNodeTexCoord").outputs["Object"]
    size = 0.3 if large else 1.0
    if pattern in ("wood", "stripes"):
        wave = _node(material, "ShaderNodeTexWave")
        wave.bands_direction = str(rng.choice(["X", "Y", "DIAGONAL"]))
        wave.inputs["Scale"].default_value = size * float(rng.uniform(2.0, 12.0))
        wave.inputs["Distortion"].default_value = float(rng.uniform(2.0, 9.0))
        if pattern == "stripes":
            wave.inputs["Distortion"].default_value = 0.0
        factor, source = wave.outputs["Fac"], wave
    elif pattern == "checks":
        source = _node(material, "ShaderNodeTexChecker")
        source.inputs["Scale"].default_value = size * float(rng.uniform(4.0, 30.0))
        factor = source.outputs["Fac"]
    elif pattern == "stone":
        source = _node(material, "ShaderNodeTexNoise")
        source.inputs["Scale"].default_value = size * float(rng.uniform(2.0, 12.0))
        source.inputs["Detail"].default_value = 8.0
        source.inputs["Distortion"].default_value = float(rng.uniform(0.0, 3.0))
        factor = source.outputs[0]
    else:
        source = _node(material, "ShaderNodeTexVoronoi")
        source.inputs["Scale"].default_value = size * float(rng.uniform(20.0, 150.0))
        factor = source.outputs["Distance"]
    material.node_tree.links.new(place, source.inputs["Vector"])
    _mix(material, factor, linear(one), linear(other), shader)
    return material


def of_wall(bpy: Any, rng: np.random.Generator) -> Any:
    """A wall: pale more often than not."""
    saturation = rng.uniform(0.0, 0.25) if rng.random() < 0.6 else rng.random()
    return plain(bpy, from_hsv(rng.random(), saturation, rng.uniform(0.3, 0.95)), 0.9)


def by_number(bpy: Any) -> Any:
    """Shines with each thing's ``pass_index`` of 255: what makes the picture of the numbers."""
    material = bpy.data.materials.new("number")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    info, shine = nodes.new("ShaderNodeObjectInfo"), nodes.new("ShaderNodeEmission")
    share = nodes.new("ShaderNodeMath")
    share.operation = "DIVIDE"
    share.inputs[1].default_value = 255.0
    links.new(info.outputs["Object Index"], share.inputs[0])
    links.new(share.outputs[0], shine.inputs["Strength"])
    links.new(shine.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return material


def linear(rgb: Float3) -> Float3:
    """Linear light of an sRGB colour, both 0..1."""
    values = np.asarray(rgb, np.float64)
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(light[0]), float(light[1]), float(light[2])


def from_hsv(hue: float, saturation: float, value: float) -> Float3:
    """sRGB 0..1 of a hue (any number, 1 is once around), saturation and value 0..1."""
    return colorsys.hsv_to_rgb(float(hue) % 1.0, float(saturation), float(value))


def _new(bpy: Any) -> tuple[Any, Any]:
    material = bpy.data.materials.new("material")
    material.use_nodes = True
    return material, material.node_tree.nodes["Principled BSDF"]


def _node(material: Any, kind: str) -> Any:
    return material.node_tree.nodes.new(kind)


def _mix(material: Any, factor: Any, one: Float3, other: Float3, shader: Any) -> None:
    ramp = _node(material, "ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].color = (*one, 1.0)
    ramp.color_ramp.elements[1].color = (*other, 1.0)
    material.node_tree.links.new(factor, ramp.inputs["Fac"])
    material.node_tree.links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
