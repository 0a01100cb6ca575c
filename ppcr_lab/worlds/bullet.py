"""``worlds:bullet``: PyBullet's TinyRenderer, a software rasteriser with a shadow map."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ppcr_lab.sim.objects import Float3, ObjectSpec
from ppcr_lab.worlds.layout import Setting, draw_setting
from ppcr_lab.worlds.patterns import any_colour, draw_pattern
from ppcr_lab.worlds.profile_meshes import TriangleMesh, with_normals
from ppcr_lab.worlds.thing_forms import Shape
from ppcr_lab.worlds.views import WorldView

WIDTH_PX, HEIGHT_PX = 640, 480
SCENES = 160
_WORLD_NUMBER = 71_003
_DRAWN_PX = (960, 720)
"""The picture is drawn larger and then made smaller: the renderer has no smooth edges."""
_NEAR_M, _FAR_M = 0.05, 8.0
_BODY_MASK = (1 << 24) - 1


def need_pybullet() -> Any:
    """The module ``pybullet``.

    Raises:
        RuntimeError: where it is not installed, with what to install.
    """
    try:
        import pybullet
    except ImportError as error:
        raise RuntimeError(
            "worlds:bullet is drawn by PyBullet, which is not installed: pip install pybullet"
        ) from error
    return pybullet


def view(number: int, depth: bool = False) -> WorldView:
    """Scene ``number``, the same on every machine; with ``depth`` it has depth as well.

    Raises:
        RuntimeError: where PyBullet is missing, with what to install.
    """
    rng = np.random.default_rng(np.random.SeedSequence([_WORLD_NUMBER, number]))
    setting = draw_setting(rng, num_objects=(3, 9), aspect=WIDTH_PX / HEIGHT_PX)
    bullet = need_pybullet()
    client = bullet.connect(bullet.DIRECT)
    try:
        with tempfile.TemporaryDirectory() as folder:
            shown = _World(bullet, client, rng, Path(folder)).show(setting)
    finally:
        bullet.disconnect(client)
    return shown if depth else replace(shown, depth_m=None)


class _World:
    """One scene in one connection to the engine."""

    def __init__(self, bullet: Any, client: int, rng: np.random.Generator, folder: Path) -> None:
        self._bullet, self._client, self._rng, self._folder = bullet, client, rng, folder

    def show(self, setting: Setting) -> WorldView:
        bodies: dict[int, int] = {}
        for index, (item, shape) in enumerate(
            zip(setting.scene.objects, setting.shapes, strict=True)
        ):
            yaw = (0.0, 0.0, math.sin(item.yaw_rad / 2.0), math.cos(item.yaw_rad / 2.0))
            for body in self._thing(item, shape, setting.stand(index), yaw):
                bodies[body] = index
        self._surroundings()
        return self._photograph(setting, bodies)

    def _thing(
        self, item: ObjectSpec, shape: Shape, stand: Float3, yaw: tuple[float, ...]
    ) -> list[int]:
        """The bodies of one thing: the engine's own primitive where it has one."""
        half, engine = item.half_extent_m, self._bullet
        size: dict[str, Any] = {}
        at = item.position_m
        if item.category == "cube":
            size = {"shapeType": engine.GEOM_BOX, "halfExtents": half}
        elif item.category == "ball":
            size = {"shapeType": engine.GEOM_SPHERE, "radius": half[0]}
        else:  # its capsule has a dozen faces, and is taken for a gem
            size, at = self._mesh(shape.body), stand
        bodies = [self._body(size, item.rgb, at, yaw)]
        if shape.trim is not None and (item.trim_rgb is not None or at is stand):
            wider = 1.0 if at is stand else 1.015  # around the primitive
            trim = self._mesh(shape.trim, wider)
            rgb = item.trim_rgb or item.rgb
            bodies.append(self._body(trim, rgb, stand, yaw))
        return bodies

    def _mesh(self, mesh: TriangleMesh, wider: float = 1.0) -> dict[str, Any]:
        vertices, normals, faces = with_normals(mesh)
        return {
            "shapeType": self._bullet.GEOM_MESH,
            "vertices": (vertices * (wider, wider, 1.0)).tolist(),
            "normals": normals.tolist(),
            "indices": faces.ravel().tolist(),
        }

    def _body(self, size: dict[str, Any], rgb: Float3, at: Any, turn: Any) -> int:
        shine = float(self._rng.uniform(0.0, 0.8))
        shape = self._bullet.createVisualShape(
            **size,
            rgbaColor=[*rgb, 1.0],
            specularColor=[shine] * 3,
            physicsClientId=self._client,
        )
        body: int = self._bullet.createMultiBody(
            baseVisualShapeIndex=shape,
            basePosition=list(at),
            baseOrientation=list(turn),
            physicsClientId=self._client,
        )
        return body

    def _surroundings(self) -> None:
        rng = self._rng
        wide, deep = rng.uniform(0.55, 1.0), rng.uniform(0.45, 0.65)
        self._box((wide, deep, 0.02), (0.0, 0.08, -0.02), 3)
        self._box((4.0, 4.0, 0.02), (0.0, 1.0, -0.76), 8)
        self._box((4.0, 0.05, 2.0), (0.0, rng.uniform(1.3, 2.8), 0.6), 5, vivid=False)
        for _ in range(int(rng.integers(0, 7))):
            size = rng.uniform(0.08, 0.3, 3)
            place = (rng.uniform(-1.5, 1.5), rng.uniform(0.95, 1.25), rng.uniform(-0.6, 0.2))
            body = self._box(tuple(size), place)
            self._bullet.changeVisualShape(
                body, -1, rgbaColor=[*any_colour(rng), 1.0], physicsClientId=self._client
            )

    def _box(self, half: Any, at: Any, tiles: int = 0, *, vivid: bool = True) -> int:
        """A box, a pattern ``tiles`` times along its sides, or white."""
        box = {"shapeType": self._bullet.GEOM_BOX, "halfExtents": list(half)}
        body = self._body(box, (1.0, 1.0, 1.0), at, (0.0, 0.0, 0.0, 1.0))
        if tiles:
            path = self._folder / f"{body}.png"
            pattern = np.tile(draw_pattern(self._rng, vivid=vivid), (tiles, tiles, 1))
            Image.fromarray(pattern).save(path, compress_level=1)
            texture = self._bullet.loadTexture(str(path), physicsClientId=self._client)
            self._bullet.changeVisualShape(
                body, -1, textureUniqueId=texture, physicsClientId=self._client
            )
        return body

    def _photograph(self, setting: Setting, bodies: dict[int, int]) -> WorldView:
        engine, rng, camera = self._bullet, self._rng, setting.scene.camera
        around, high = rng.uniform(-math.pi, math.pi), rng.uniform(0.5, 2.0)
        _, _, pixels, depths, shown = engine.getCameraImage(
            *_DRAWN_PX,
            viewMatrix=engine.computeViewMatrix(
                camera.position_m, camera.look_at_m, (0.0, 0.0, 1.0)
            ),
            projectionMatrix=engine.computeProjectionMatrixFOV(
                camera.fov_y_deg, WIDTH_PX / HEIGHT_PX, _NEAR_M, _FAR_M
            ),
            lightDirection=[math.cos(around), math.sin(around), high],
            lightColor=np.clip(1.0 + rng.uniform(-0.15, 0.1, 3), 0.0, 1.0).tolist(),
            lightDistance=float(rng.uniform(1.5, 4.0)),
            shadow=int(rng.random() < 0.85),
            lightAmbientCoeff=float(rng.uniform(0.42, 0.7)),
            lightDiffuseCoeff=float(rng.uniform(0.3, 0.7)),
            lightSpecularCoeff=float(rng.uniform(0.0, 0.5)),
            renderer=engine.ER_TINY_RENDERER,
            physicsClientId=self._client,
        )
        width, height = _DRAWN_PX
        fine = np.asarray(pixels, np.uint8).reshape(height, width, 4)[:, :, :3]
        rgb = cv2.resize(fine, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        numbers = np.asarray(shown, np.int32).reshape(height, width)
        numbers = cv2.resize(numbers, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_NEAREST)
        instance = np.full(numbers.shape, -1, np.int8)
        for body, index in bodies.items():
            instance[(numbers >= 0) & ((numbers & _BODY_MASK) == body)] = index
        shares = np.asarray(depths, np.float32).reshape(height, width)
        shares = cv2.resize(shares, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_NEAREST)
        depth_m = _FAR_M * _NEAR_M / (_FAR_M - (_FAR_M - _NEAR_M) * shares)
        return WorldView(setting.scene, rgb, instance, depth_m)
