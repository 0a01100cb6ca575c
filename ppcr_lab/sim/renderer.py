"""Renders tabletop scenes with MuJoCo: colour, which object each pixel shows, and depth.

The camera sees the scene, and the lamp sees it once more, small, for its shadows; lens and sensor
come last, in the colour image only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.forms import forms
from ppcr_lab.sim.opengl import OTHER_ID, OffscreenRenderer, add_mesh, fill_texture, mesh_frame
from ppcr_lab.sim.scene import CATEGORIES, MAX_OBJECTS, TEXTURES, ObjectSpec, Scene
from ppcr_lab.sim.textures import TILE_PX, VARIANTS, tile

_TABLE_HALF_M = (0.95, 0.65, 0.02)
_FLOOR_BELOW_M = 0.75
_LAMP_SHARE = 0.48
_TILE_SIZES_M = (0.35, 0.42, 0.5, 0.6, 0.7)
_PLAIN_MATERIAL = "matt"
_PARTS = ("body", "trim")
_GLOSSY = ("ball", "mug", "bottle", "bowl", "plate")

_MODEL_XML = """
<mujoco model="tabletop">
  <statistic center="0 0 0" extent="1"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="0"/>
    <map znear="{near}" zfar="{far}"/>
    <headlight ambient="0.40 0.40 0.40" diffuse="0.27 0.27 0.27" specular="0 0 0"/>
  </visual>
  <asset>
    <material name="matt" specular="0" shininess="0"/>
    {textures}
  </asset>
  <worldbody>
    <light name="lamp" pos="0 0 1.5" dir="0 0 -1" cutoff="90" exponent="0" castshadow="false"
           ambient="0 0 0" diffuse="0.6 0.6 0.6" specular="0.4 0.4 0.4"/>
    <geom name="floor" type="plane" material="matt" pos="0 0 -{floor}" size="30 30 0.1"/>
    <geom name="table" type="box" material="matt" pos="0 0 -{table_z}"
          size="{table_x} {table_y} {table_z}"/>
  </worldbody>
</mujoco>
"""
_TEXTURE_XML = '<texture name="{name}" type="2d" builtin="flat" width="{size}" height="{size}"/>'
_MATERIAL_XML = (
    '<material name="{name}" texture="{texture}" texuniform="true" texrepeat="{repeat} {repeat}" '
    'specular="0" shininess="0"/>'
)


@dataclass(frozen=True)
class Rendering:
    """Images of the camera.

    ``rgb`` is (H, W, 3) uint8 RGB. ``instance`` is (H, W) int8: the index in ``Scene.objects`` of
    the object each pixel shows, -1 for the table and beyond. ``depth_m`` is (H, W) float32 metres
    along the optical axis, or None where not asked for. ``camera_matrix`` is (3, 3) float64, with
    pixel centres at integer coordinates.
    """

    rgb: NDArray[np.uint8]
    instance: NDArray[np.int8]
    depth_m: NDArray[np.float32] | None
    camera_matrix: NDArray[np.float64]


class TabletopRenderer(OffscreenRenderer):
    """Renders scenes of the tabletop; see `OffscreenRenderer`.

    One MuJoCo model with all forms and patterns is compiled once; each scene only places them.

    Args:
        width_px: image width.
        height_px: image height.
        shadows: whether the lamp casts shadows, as strong as the scene says.
    """

    near_m = 0.05
    far_m = 20.0

    def __init__(self, width_px: int, height_px: int, shadows: bool = True) -> None:
        super().__init__(width_px, height_px)
        self._shadows = shadows
        mujoco = self._mujoco
        model = _model(mujoco, *self._buffer)
        self._data = mujoco.MjData(model)
        mujoco.mj_forward(model, self._data)
        self._mesh_frames = {
            (category, part): mesh_frame(mujoco, model, f"{category}_{part}")
            for category in CATEGORIES
            for part in _PARTS
        }
        self._table = model.geom("table").id
        self._floor = model.geom("floor").id
        self._option = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        self._use_model(model, 2 + len(_PARTS) * MAX_OBJECTS + 8)

    def render(self, scene: Scene, depth: bool = True) -> Rendering:
        """Render a scene; without ``depth`` the result's ``depth_m`` is None."""
        self._begin()
        self._place(scene)
        camera = scene.camera
        self._look(camera, self.width_px / self.height_px)
        rgb = self._colour()
        instance, depth_m = self._labels(self.width_px, self.height_px)
        light: NDArray[np.float32] | None = None
        if self._shadows and scene.shadow_strength > 0.0:
            shadow = self._shadow(scene, instance, depth_m)
            light = 1.0 - np.float32(scene.shadow_strength) * shadow
        return Rendering(
            rgb=self._sensor.expose(
                rgb, light, blur=scene.blur, noise=scene.noise, seed=scene.seed
            ),
            instance=instance,
            depth_m=depth_m if depth else None,
            camera_matrix=camera.matrix(self.width_px, self.height_px),
        )

    def _place(self, scene: Scene) -> None:
        mujoco, model, mjv_scene = self._mujoco, self._model, self._mjv_scene
        model.geom_matid[self._table] = model.material(_material_name(scene)).id
        model.geom_rgba[self._table, :3] = scene.table_rgb
        model.geom_rgba[self._floor, :3] = scene.floor_rgb
        mujoco.mjv_updateScene(
            model,
            self._data,
            self._option,
            None,
            self._view,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            mjv_scene,
        )
        for geom in mjv_scene.geoms[: mjv_scene.ngeom]:
            geom.segid = OTHER_ID
        count = mjv_scene.ngeom
        for index, spec in enumerate(scene.objects):
            for part in _PARTS[: 1 if spec.trim_rgb is None else 2]:
                self._place_part(mjv_scene.geoms[count], index, spec, part)
                count += 1
        mjv_scene.ngeom = count
        position = np.asarray(scene.light_position_m)
        for light in mjv_scene.lights[: mjv_scene.nlight]:
            if not light.headlight:
                light.pos[:] = position
                light.dir[:] = -position / np.linalg.norm(position)
                lamp = _LAMP_SHARE * scene.light_intensity * np.asarray(scene.light_rgb)
                light.diffuse[:] = lamp
                light.specular[:] = 0.6 * lamp

    def _place_part(self, geom: Any, index: int, spec: ObjectSpec, part: str) -> None:
        """Make ``geom`` the body or the trim of an object."""
        rgb = spec.rgb if part == "body" or spec.trim_rgb is None else spec.trim_rgb
        self._place_mesh(geom, index, spec, self._mesh_frames[spec.category, part], (*rgb, 1.0))
        glossy = spec.category in _GLOSSY
        geom.specular, geom.shininess = (0.45, 0.6) if glossy else (0.12, 0.3)


def _model(mujoco: Any, width_px: int, height_px: int) -> Any:
    """Return the compiled model: table, floor, lamp, and all meshes and patterns as assets."""
    tiles = {
        f"{texture}{variant}": tile(texture, variant)
        for texture in TEXTURES[1:]
        for variant in range(VARIANTS)
    }
    textures = [_TEXTURE_XML.format(name=name, size=TILE_PX) for name in tiles]
    textures += [
        _MATERIAL_XML.format(name=f"{name}_{number}", texture=name, repeat=1.0 / size_m)
        for name in tiles
        for number, size_m in enumerate(_TILE_SIZES_M)
    ]
    table_x, table_y, table_z = _TABLE_HALF_M
    spec = mujoco.MjSpec.from_string(
        _MODEL_XML.format(
            width=width_px,
            height=height_px,
            near=TabletopRenderer.near_m,
            far=TabletopRenderer.far_m,
            floor=_FLOOR_BELOW_M,
            table_x=table_x,
            table_y=table_y,
            table_z=table_z,
            textures="\n    ".join(textures),
        )
    )
    for category, form in forms().items():
        for part, mesh in zip(_PARTS, (form.body, form.trim), strict=True):
            add_mesh(mujoco, spec, f"{category}_{part}", mesh)
    model = spec.compile()
    for name, pixels in tiles.items():
        fill_texture(model, name, pixels)
    return model


def _material_name(scene: Scene) -> str:
    if scene.table_texture == "plain":
        return _PLAIN_MATERIAL
    variant = scene.seed % VARIANTS
    number = int(np.abs(np.array(_TILE_SIZES_M) - scene.texture_size_m).argmin())
    return f"{scene.table_texture}{variant}_{number}"
