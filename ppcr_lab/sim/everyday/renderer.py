"""Renders scenes of the everyday world with MuJoCo: colour, and which named thing a pixel shows.

One model holds a library of forms and the pictures of all surfaces as assets; scenes place them.
Shadows are those of the tabletop world; what is far is blurred afterwards.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.everyday.library import Library, library_of
from ppcr_lab.sim.everyday.placement import EverydayObject
from ppcr_lab.sim.everyday.prints import draw_print, draw_surface
from ppcr_lab.sim.everyday.scene import EverydayScene
from ppcr_lab.sim.everyday.surroundings import PRINTS, SURFACES, Piece
from ppcr_lab.sim.objects import CATEGORIES
from ppcr_lab.sim.opengl import (
    OTHER_ID,
    MeshFrame,
    OffscreenRenderer,
    add_mesh,
    fill_texture,
    mesh_frame,
)
from ppcr_lab.sim.renderer import Rendering
from ppcr_lab.sim.scene import MAX_OBJECTS

_MAX_GEOMS = 900
_PRINT_PX = 128
_SURFACE_OF = {"table": 0, "floor": 1, "wall": 2}
_SURFACE_NAMES = tuple(f"surface{k}" for k in range(SURFACES))
_PRINT_NAMES = tuple(f"print{k}" for k in range(PRINTS))
_PARTS = ("body", "trim", "label")

_MODEL_XML = """
<mujoco model="everyday">
  <statistic center="0 0 0" extent="1"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="0"/>
    <map znear="{near}" zfar="{far}"/>
  </visual>
  <asset>{assets}</asset>
  <worldbody/>
</mujoco>
"""


class EverydayRenderer(OffscreenRenderer):
    """Renders scenes of the everyday world; the library is compiled when it changes.

    See `OffscreenRenderer`.
    """

    near_m = 0.04
    far_m = 30.0

    def __init__(self, width_px: int, height_px: int) -> None:
        super().__init__(width_px, height_px)
        self._block: tuple[int, int] | None = None

    def render(self, scene: EverydayScene, depth: bool = True) -> Rendering:
        """Render a scene; without ``depth`` the result's ``depth_m`` is None."""
        self._begin()
        self._take_library(scene.library)
        self._place(scene)
        aspect = self.width_px / self.height_px
        self._look(scene.camera, aspect)
        rgb = self._colour(scene.mirror > 0.0)
        instance, depth_m = self._labels(self.width_px, self.height_px)
        light = self._light(scene, instance, depth_m) if scene.shadow_strength > 0.0 else None
        rgb = _exposed(_out_of_focus(rgb, depth_m, scene), scene.exposure)
        return Rendering(
            rgb=self._sensor.expose(
                rgb, light, blur=scene.blur, noise=scene.noise, seed=scene.seed
            ),
            instance=instance,
            depth_m=depth_m if depth else None,
            camera_matrix=scene.camera.matrix(self.width_px, self.height_px),
        )

    # -- assets -------------------------------------------------------------------------------

    def _take_library(self, block: tuple[int, int]) -> None:
        """Compile the forms of a block of scenes, where they are not those that are there."""
        if block == self._block:
            return
        library = library_of(*block)
        model = _model(self._mujoco, *self._buffer, library)
        self._frames = _mesh_frames(self._mujoco, model, library)
        rng = np.random.default_rng([78, *block])
        for name in _SURFACE_NAMES:
            fill_texture(model, name, draw_surface(rng))
        for name in _PRINT_NAMES:
            side = (_PRINT_PX, _PRINT_PX)
            faces = [cv2.resize(draw_print(rng), side, interpolation=cv2.INTER_AREA)] * 2
            faces[1] = cv2.resize(draw_print(rng), side, interpolation=cv2.INTER_AREA)
            fill_texture(model, name, np.concatenate(faces * 3))
        self._use_model(model, _MAX_GEOMS)
        self._block = block

    # -- placing ------------------------------------------------------------------------------

    def _place(self, scene: EverydayScene) -> None:
        target = self._mjv_scene
        target.ngeom = 0
        for piece in scene.pieces[: _MAX_GEOMS - 4 * MAX_OBJECTS]:
            self._place_piece(self._next_geom(), piece, scene)
        for index, spec in enumerate(scene.objects):
            if not isinstance(spec, EverydayObject):
                raise TypeError(
                    f"object {index} is a {type(spec).__name__}, expected EverydayObject"
                )
            for part in _PARTS:
                self._place_part(index, spec, part)
        self._set_lights(scene)

    def _next_geom(self) -> Any:
        geom = self._mjv_scene.geoms[self._mjv_scene.ngeom]
        self._mjv_scene.ngeom += 1
        return geom

    def _place_piece(self, geom: Any, piece: Piece, scene: EverydayScene) -> None:
        mujoco = self._mujoco
        shape = getattr(mujoco.mjtGeom, f"mjGEOM_{piece.shape.upper()}").value
        along, across, high = piece.half_m
        # MuJoCo wants a radius and half a length.
        size = (
            (along, high, 0.0) if piece.shape in ("cylinder", "capsule") else (along, across, high)
        )
        mujoco.mjv_initGeom(
            geom,
            shape,
            np.array(size, dtype=np.float64),
            np.array(piece.position_m, dtype=np.float64),
            np.array(piece.rotation, dtype=np.float64),
            np.array([*piece.rgb, 1.0], dtype=np.float32),
        )
        geom.category = mujoco.mjtCatBit.mjCAT_STATIC.value
        geom.segid = OTHER_ID
        geom.specular, geom.shininess = piece.gloss, 0.5
        geom.emission = 0.0
        if piece.surface in _SURFACE_OF:
            number = _SURFACE_OF[piece.surface]
            self._cover(geom, _SURFACE_NAMES[scene.surfaces[number]])
            geom.texuniform = 1
            geom.texrepeat[:] = scene.repeats[number]
            geom.rgba[:3] = np.asarray(piece.rgb) * scene.tints[number]
        elif piece.surface:
            self._cover(geom, piece.surface)
        if piece.surface == "table" and scene.mirror > 0.0 and piece.shape == "box":
            geom.reflectance = scene.mirror

    def _cover(self, geom: Any, surface: str) -> None:
        geom.matid = self._model.material(surface).id
        geom.texid = self._model.texture(surface).id

    def _place_part(self, index: int, spec: EverydayObject, part: str) -> None:
        found = self._frames.get((spec.category, spec.form, part))
        rgb = {"body": spec.rgb, "trim": spec.trim_rgb, "label": spec.label_rgb}[part]
        if found is None or rgb is None:
            return
        geom = self._next_geom()
        alpha = spec.alpha if part == "body" else 1.0
        self._place_mesh(geom, index, spec, found, (*rgb, alpha))
        geom.transparent = int(alpha < 1.0)
        geom.specular, geom.shininess = spec.specular, spec.shininess
        geom.emission = 0.0
        if part == "label" and spec.label_print is not None:
            self._cover(geom, f"print{spec.label_print}")

    def _set_lights(self, scene: EverydayScene) -> None:
        target = self._mjv_scene
        lamps = [(scene.light_position_m, scene.light_intensity * np.asarray(scene.light_rgb))]
        lamps += [(light.position_m, np.asarray(light.rgb)) for light in scene.lights]
        for number, (position_m, rgb) in enumerate(lamps):
            light = target.lights[number]
            place = np.asarray(position_m)
            light.pos[:] = place
            light.dir[:] = -place / np.linalg.norm(place)
            light.type = self._mujoco.mjtLightType.mjLIGHT_SPOT.value
            light.attenuation[:] = (1.0, 0.0, 0.0)
            light.cutoff, light.exponent = 90.0, 0.0
            light.headlight = light.castshadow = 0
            light.texid = -1
            light.ambient[:] = np.asarray(scene.ambient) if number == 0 else 0.0
            light.diffuse[:] = 0.6 * rgb
            light.specular[:] = 0.6 * rgb
        target.nlight = len(lamps)

    def _light(
        self, scene: EverydayScene, instance: NDArray[np.int8], depth_m: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return (H, W) float32, the share of light at each pixel; the lamp's view stays set."""
        shadow = self._shadow(scene, instance, depth_m)
        shadow[depth_m > 3.0 * np.linalg.norm(scene.camera.position_m)] = 0.0
        light: NDArray[np.float32] = 1.0 - np.float32(scene.shadow_strength) * shadow
        return light


def _out_of_focus(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], scene: EverydayScene
) -> NDArray[np.uint8]:
    """Return the image with what is much farther than the things blurred."""
    sigma_px = scene.focus_blur * rgb.shape[1]
    if sigma_px < 0.4:
        return rgb
    sharp_m = float(np.linalg.norm(np.subtract(scene.camera.position_m, scene.camera.look_at_m)))
    share = np.clip((depth_m / (1.5 * sharp_m) - 1.0) * 3.0, 0.0, 1.0)[..., None]
    blurred = cv2.GaussianBlur(np.ascontiguousarray(rgb), (0, 0), sigma_px)
    mixed = rgb + (np.asarray(blurred, np.float32) - rgb) * share
    return np.asarray(np.rint(mixed), np.uint8)


def _exposed(rgb: NDArray[np.uint8], exposure: float) -> NDArray[np.uint8]:
    """Return the image as a camera exposes it that wants its bright parts at ``exposure``, 0..1."""
    bright = float(np.percentile(rgb.max(axis=2), 90.0)) / 255.0
    gain = np.clip(exposure / max(bright, 0.02), 0.7, 4.0)
    return np.asarray(np.clip(np.rint(rgb * np.float32(gain)), 0, 255), np.uint8)


def _model(mujoco: Any, width_px: int, height_px: int, library: Library) -> Any:
    """Return the compiled model: all meshes and pictures as assets, and nothing else."""
    assets = [
        f'<texture name="{name}" type="2d" builtin="flat" width="256" height="256"/>'
        f'<material name="{name}" texture="{name}" texuniform="true"/>'
        for name in _SURFACE_NAMES
    ]
    assets += [
        f'<texture name="{name}" type="cube" builtin="flat" width="{_PRINT_PX}" '
        f'height="{6 * _PRINT_PX}"/><material name="{name}" texture="{name}"/>'
        for name in _PRINT_NAMES
    ]
    spec = mujoco.MjSpec.from_string(
        _MODEL_XML.format(
            width=width_px,
            height=height_px,
            near=EverydayRenderer.near_m,
            far=EverydayRenderer.far_m,
            assets="".join(assets),
        )
    )
    for category, forms in library.items():
        for number, form in enumerate(forms):
            for part in _PARTS:
                mesh = getattr(form, part)
                if mesh is not None:
                    add_mesh(mujoco, spec, f"{category}{number}{part}", mesh)
    return spec.compile()


def _mesh_frames(
    mujoco: Any, model: Any, library: Library
) -> dict[tuple[str, int, str], MeshFrame]:
    """Return the frame of each part of each form of each category."""
    return {
        (category, number, part): mesh_frame(mujoco, model, f"{category}{number}{part}")
        for category in CATEGORIES
        for number, form in enumerate(library[category])
        for part in _PARTS
        if getattr(form, part) is not None
    }
