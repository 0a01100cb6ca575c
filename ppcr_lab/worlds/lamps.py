"""``worlds:lamps``: MuJoCo's own light: shadow maps, mirroring tables, one to three lamps.

Nothing here is `sim.renderer`'s but MuJoCo: forms, tables, rooms, lamps and cameras are the
world's own. Each scene is a model that is compiled, shown once and dropped.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.opengl import import_mujoco, no_gl_message
from ppcr_lab.worlds.layout import Setting, draw_setting
from ppcr_lab.worlds.patterns import SIDE_PX, any_colour, draw_pattern
from ppcr_lab.worlds.profile_meshes import TriangleMesh, with_normals
from ppcr_lab.worlds.views import WorldView
from ppcr_ros.core.types import Array

WIDTH_PX, HEIGHT_PX = 640, 480
SCENES = 200
_WORLD_NUMBER = 71_002
_PATTERNS = ("table", "floor", "wall")

_MODEL_XML = """
<mujoco model="lamps">
  <statistic center="0 0 0" extent="1"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="2048"/>
    <map znear="0.05" zfar="20" shadowclip="2" shadowscale="0.7"/>
    <headlight ambient="{ambient}" diffuse="{head}" specular="0 0 0"/>
  </visual>
  <asset>
    <texture type="skybox" builtin="gradient" rgb1="{sky}" rgb2="{ground}" width="64" height="64"/>
    {assets}
  </asset>
  <worldbody>
    {lamps}
    <camera name="camera" pos="{place}" xyaxes="{axes}" fovy="{fov}"/>
    <geom type="plane" material="floor" pos="0 0 -0.74" size="6 6 0.1"/>
    <geom type="box" material="table" pos="0 0.1 -0.02" size="{table} 0.02"/>
    <geom type="box" material="wall" pos="0 {back} 0.6" size="5 0.05 1.4"/>
    {furniture}
  </worldbody>
</mujoco>
"""


def view(number: int, depth: bool = False) -> WorldView:
    """Scene ``number``, the same on every machine but for what its GL rounds.

    With ``depth`` the view has depth as well.

    Raises:
        RuntimeError: where MuJoCo or OpenGL is missing, with what to install.
    """
    rng = np.random.default_rng(np.random.SeedSequence([_WORLD_NUMBER, number]))
    setting = draw_setting(rng, num_objects=(3, 9), aspect=WIDTH_PX / HEIGHT_PX)
    mujoco = import_mujoco()
    model = _model(mujoco, setting, rng)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    depth_m: Array | None = None
    try:
        with mujoco.Renderer(model, HEIGHT_PX, WIDTH_PX) as renderer:
            renderer.update_scene(data, "camera")
            rgb = np.array(renderer.render())
            if depth:
                renderer.enable_depth_rendering()
                depth_m = np.array(renderer.render())
                renderer.disable_depth_rendering()
            renderer.enable_segmentation_rendering()
            instance = _instance(mujoco, model, renderer.render())
    except Exception as error:
        raise RuntimeError(no_gl_message(str(error))) from error
    return WorldView(setting.scene, rgb, instance, depth_m)


def _instance(mujoco: Any, model: Any, shown: Array) -> Array:
    """The object of each pixel (H, W) int8, or -1, of ``shown`` (H, W, 2): geoms and their type."""
    object_of = np.full(model.ngeom + 1, -1, np.int8)  # the last is that of no geom, -1
    for geom in range(model.ngeom):
        name = model.geom(geom).name
        if name.startswith("thing"):
            object_of[geom] = int(name.split("_")[1])
    geoms = np.where(shown[..., 1] == mujoco.mjtObj.mjOBJ_GEOM.value, shown[..., 0], -1)
    return np.asarray(object_of[geoms])


def _model(mujoco: Any, setting: Setting, rng: np.random.Generator) -> Any:
    camera = setting.scene.camera
    spec = mujoco.MjSpec.from_string(
        _MODEL_XML.format(
            width=WIDTH_PX,
            height=HEIGHT_PX,
            ambient=_text(rng.uniform(0.1, 0.45) * np.ones(3)),
            head=_text(rng.uniform(0.0, 0.3) * np.ones(3)),
            sky=_text(any_colour(rng, most_saturation=0.5)),
            ground=_text(any_colour(rng)),
            assets="\n    ".join(_pattern_xml(name, rng) for name in _PATTERNS),
            lamps="\n    ".join(_lamp_xml(rng) for _ in range(int(rng.integers(1, 4)))),
            place=_text(camera.position_m),
            axes=_axes(camera),
            fov=camera.fov_y_deg,
            table=_text((rng.uniform(0.55, 1.1), rng.uniform(0.5, 0.7))),
            back=rng.uniform(1.2, 3.0),
            furniture="\n    ".join(_furniture_xml(rng) for _ in range(int(rng.integers(0, 7)))),
        )
    )
    for index, (item, shape) in enumerate(zip(setting.scene.objects, setting.shapes, strict=True)):
        gloss = (float(rng.uniform(0.0, 0.9)), float(rng.uniform(0.1, 0.9)))
        parts = [(shape.body, item.rgb)]
        if shape.trim is not None:
            parts.append((shape.trim, item.trim_rgb or item.rgb))
        for part, (mesh, rgb) in enumerate(parts):
            name = f"thing_{index}_{part}"
            _add_mesh(mujoco, spec, name, mesh)
            material = spec.add_material()
            material.name, material.rgba = name, [*rgb, 1.0]
            material.specular, material.shininess = gloss
            geom = spec.worldbody.add_geom()
            geom.name, geom.meshname, geom.material = name, name, name
            geom.type = mujoco.mjtGeom.mjGEOM_MESH
            geom.pos = setting.stand(index)
            geom.quat = [math.cos(item.yaw_rad / 2.0), 0.0, 0.0, math.sin(item.yaw_rad / 2.0)]
    model = spec.compile()
    for name in _PATTERNS:
        pixels = draw_pattern(rng, vivid=name != "wall")
        start = model.tex_adr[model.texture(name).id]
        model.tex_data[start : start + pixels.size] = pixels.ravel()
    return model


def _add_mesh(mujoco: Any, spec: Any, name: str, mesh: TriangleMesh) -> None:
    vertices, normals, faces = with_normals(mesh)
    asset = spec.add_mesh()
    asset.name = name
    asset.uservert = vertices.ravel().astype(np.float32)
    asset.usernormal = normals.ravel().astype(np.float32)
    asset.userface = faces.ravel().astype(np.int32)
    asset.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL


def _pattern_xml(name: str, rng: np.random.Generator) -> str:
    repeat = rng.uniform(1.0, 5.0)
    mirror = rng.uniform(0.05, 0.45) if name == "table" and rng.random() < 0.6 else 0.0
    return (
        f'<texture name="{name}" type="2d" builtin="flat" width="{SIDE_PX}" height="{SIDE_PX}"/>'
        f'<material name="{name}" texture="{name}" texuniform="true" '
        f'texrepeat="{repeat} {repeat}" reflectance="{mirror}" '
        f'specular="{rng.uniform(0.0, 0.6)}" shininess="{rng.uniform(0.1, 0.9)}"/>'
    )


def _lamp_xml(rng: np.random.Generator) -> str:
    around, away = rng.uniform(-math.pi, math.pi), rng.uniform(0.1, 1.4)
    place = np.array([away * math.cos(around), away * math.sin(around), rng.uniform(0.9, 2.2)])
    tint = np.clip(1.0 + rng.uniform(-0.18, 0.18, 3), 0.0, 1.1)
    strength = rng.uniform(0.25, 0.7)
    shadows = "true" if rng.random() < 0.8 else "false"
    return (
        f'<light pos="{_text(place)}" dir="{_text(-place)}" cutoff="{rng.uniform(35.0, 80.0)}" '
        f'exponent="{rng.uniform(0.0, 6.0)}" castshadow="{shadows}" '
        f'diffuse="{_text(strength * tint)}" specular="{_text(rng.uniform(0.1, 0.6) * tint)}"/>'
    )


def _furniture_xml(rng: np.random.Generator) -> str:
    """A box or a drum on the floor behind the table, which nobody names."""
    size = rng.uniform(0.08, 0.35, 3)
    kind = "box" if rng.random() < 0.6 else "cylinder"
    place = (rng.uniform(-1.6, 1.6), rng.uniform(1.0, 1.3), -0.74 + rng.uniform(0.1, 0.9))
    return (
        f'<geom type="{kind}" size="{_text(size)}" pos="{_text(place)}" '
        f'rgba="{_text(any_colour(rng))} 1"/>'
    )


def _axes(camera: Camera) -> str:
    right, down, _ = camera.table_r_optical().T
    return _text([*right, *(-down)])


def _text(values: Any) -> str:
    return " ".join(f"{float(value):.5f}" for value in values)
