"""Render the photographs of `test_photos/`: landscapes free of any rights.

    python tools/render_test_photos.py [TARGET_DIR]

Needs numpy and Pillow.  The same versions of these give the same bytes: each scene has a seed.
Light is linear, in floats, until `develop` turns it into a picture.  A land is a height map;
`cast` finds, for each pixel of a column, the first point of the map that the eye meets there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.random import Generator, default_rng
from PIL import Image, ImageDraw
from PIL.Image import Resampling

WIDTH, HEIGHT = 2160, 1440
QUALITY = 88
W, H = WIDTH * 3 // 2, HEIGHT * 3 // 2  # rendered larger than shown: no jagged edges
MAP = 2048  # points along a side of a noise or height map, which repeats beyond its edges
DEFAULT_TARGET = Path(__file__).resolve().parent.parent / "test_photos"
Array = np.ndarray
# The picture's height is 1; X is 0 in the middle, Y is 0 at the top.
X, Y = np.meshgrid(
    np.linspace(-W / H / 2, W / H / 2, W, dtype=np.float32),
    np.linspace(0, 1, H, dtype=np.float32),
)


def rgb(text: str) -> Array:
    """Return the light of a colour in hexadecimal."""
    return (np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)]) / 255) ** 2.2


def mix(a: Array, b: Array, share: Array) -> Array:
    """Lay b over a; a share of 1 hides a."""
    return (a + (b - a) * share[..., None]).astype(np.float32)


def smooth(low: float, high: float, value: Array) -> Array:
    """Step softly from 0, where a value is low, to 1."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def gradient(position: Array, stops: dict[float, str]) -> Array:
    """Return the colours of positions between stops."""
    channels = np.array([rgb(text) for text in stops.values()]).T
    return np.stack([np.interp(position, list(stops), c) for c in channels], -1).astype(np.float32)


def noise(rng: Generator, cells: int) -> Array:
    """Return a map of smooth noise from -1 to 1 that repeats without a seam."""
    grid = np.pad(rng.uniform(-1, 1, (cells, cells)).astype(np.float32), 3, mode="wrap")
    box = (3, 3, cells + 3, cells + 3)
    return np.asarray(Image.fromarray(grid).resize((MAP, MAP), Resampling.BICUBIC, box))


def fractal(rng: Generator, cells: int, octaves: int) -> Array:
    """Add up noise, each octave twice as fine and half as strong."""
    return sum((noise(rng, cells << i) / 2**i for i in range(octaves)), np.float32(0))


def eroded(rng: Generator, cells: int, octaves: int) -> Array:
    """Return heights about -1 to 1: detail gathers on crests, and slopes stay smooth."""
    heights, slope_z, slope_x = (np.zeros((MAP, MAP), np.float32) for _ in range(3))
    for i in range(octaves):
        layer = noise(rng, cells << i)
        dz, dx = np.gradient(layer * (MAP / (cells << i)))
        slope_z, slope_x = slope_z + dz, slope_x + dx
        heights += layer / (1 + slope_z**2 + slope_x**2) / 2**i
    return heights


def sample(values: Array, x: Array, z: Array) -> Array:
    """Read a map between its points, in units of its side."""
    x, z = x * MAP - 0.5, z * MAP - 0.5
    left, top = np.floor(x).astype(int), np.floor(z).astype(int)
    fx, fz = (x - left).astype(np.float32), (z - top).astype(np.float32)
    x0, x1, z0, z1 = left % MAP, (left + 1) % MAP, top % MAP, (top + 1) % MAP
    near = values[z0, x0] * (1 - fx) + values[z0, x1] * fx
    return near * (1 - fz) + (values[z1, x0] * (1 - fx) + values[z1, x1] * fx) * fz


def cast(heights: Array, eye: float, horizon: float, near: float, far: float) -> list[Array]:
    """Return, per pixel, the x and z on the map, and whether it is land at all."""
    z = np.geomspace(near, far, 1600, dtype=np.float32)[:, None]
    rows = horizon + (eye - sample(heights, X[:1] * z, z)) / z
    skyline = np.minimum.accumulate(rows, axis=0)
    first = np.stack([np.searchsorted(-skyline[:, i], -Y[:, 0]) for i in range(W)], axis=1)
    hit = np.clip(first, 1, len(z) - 1)
    before, after = (np.take_along_axis(rows, hit - i, axis=0) for i in (1, 0))
    share = np.clip((before - Y) / np.maximum(before - after, 1e-9), 0, 1)
    distance = z[hit - 1, 0] * (1 - share) + z[hit, 0] * share
    return [X * distance, distance, first < len(z)]


def sunshine(heights: Array, sun: tuple[float, float, float]) -> list[Array]:
    """Return maps: light of a sun at the left, whose place is (right, up, away); and flatness."""
    light, shade = np.empty_like(heights), heights[:, -1]
    for i in range(2 * MAP):  # twice around: what is left of the seam shades what is right
        shade = np.maximum(heights[:, i % MAP], shade + sun[1] / sun[0] / MAP)
        light[:, i % MAP] = np.clip(1 - (shade - heights[:, i % MAP]) / 0.004, 0, 1)
    dz, dx = np.gradient(heights * MAP)
    up = 1 / np.sqrt(dx * dx + dz * dz + 1)
    return [light * np.clip((sun[1] - dx * sun[0] - dz * sun[2]) * up, 0, 1), up]


def blurred(picture: Array, radius: float) -> Array:
    """Blur by shrinking and growing again; the radius is a share of the picture's height."""
    small = (int(W / H / radius), int(1 / radius))
    channels = [Image.fromarray(np.ascontiguousarray(picture[..., i])) for i in range(3)]
    shrunk = [channel.resize(small, Resampling.BILINEAR) for channel in channels]
    return np.stack([np.asarray(c.resize((W, H), Resampling.BILINEAR)) for c in shrunk], -1)


def develop(light: Array, rng: Generator, exposure: float = 1.6) -> Image.Image:
    """Turn light into a picture: glow, vignette, a film's curve, and grain."""
    light = 0.7 * light + 0.2 * blurred(light, 0.01) + 0.1 * blurred(light, 0.05)
    light *= exposure * (1 - 0.3 * (X**2 + (Y - 0.5) ** 2))[..., None]
    film = (1 - np.exp(-np.maximum(light, 0))) ** (1 / 2.2)
    picture = (0.4 * film + 0.6 * smooth(0, 1, film)) * 255
    image = Image.fromarray(picture.astype(np.uint8)).resize((WIDTH, HEIGHT), Resampling.LANCZOS)
    grainy = np.asarray(image) + rng.normal(0, 3, (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8))


def clouds(cover: Array, horizon: float, scale: float) -> Array:
    """Project a noise map on a ceiling above the eye."""
    depth = scale / np.maximum(horizon - Y, 0.004)
    return sample(cover, X * depth, depth) * smooth(0.0, 0.12, horizon - Y)


def glow(x: float, y: float, size: float) -> Array:
    """Return a round light, 1 in its middle."""
    return np.exp(-((X - x) ** 2 + (Y - y) ** 2) / size**2)


def mirror(scene: Array, shore: float, rows: Array, columns: Array = X) -> Array:
    """Return what water shows of a scene, whose rows above the shore are given."""
    y, x = np.clip(rows, 0, shore - 0.004), np.clip(columns * H / W + 0.5, 0, 1)
    return scene[(y * (H - 1)).astype(int), (x * (W - 1)).astype(int)]


def spruces(rng: Generator, base: Array, count: int, size: float) -> Array:
    """Return a mask, 0 to 1, of a wood that stands on `base`, a row per column."""
    mask = Image.new("L", (W, H))
    draw = ImageDraw.Draw(mask)
    for x in rng.integers(0, W, count):
        height = size * H * rng.uniform(0.45, 1) ** 1.5
        for step in np.linspace(0, 1, 16):
            half = (0.015 + 0.17 * step) * height * rng.uniform(0.75, 1.15)
            y = base[x] * H - height * (0.9 - step)
            draw.polygon([(x - half, y), (x, y - height * 0.12), (x + half, y)], 255)
    return np.maximum(np.asarray(mask, np.float32) / 255, base <= Y)


def dunes(rng: Generator) -> Image.Image:
    """Show sand under a low sun from the left."""
    z, x = np.meshgrid(np.arange(MAP) / MAP, np.arange(MAP) / MAP, indexing="ij")
    wander = fractal(rng, 2, 3) * 0.8 + fractal(rng, 7, 2) * 0.12
    phase = (6 * x + wander - 2 * z) % 1
    windward = np.sin(np.minimum(phase / 0.72, 1) * np.pi / 2) ** 1.6
    tall = np.clip(0.55 + 0.45 * fractal(rng, 3, 2), 0.1, 1) * 0.05
    heights = windward * (1 - smooth(0.72, 1.0, phase)) * tall + fractal(rng, 2, 3) * 0.016
    ripples = np.sin(x * 300 * np.pi + wander * 90) * 0.00018 * smooth(0.9, 0.1, z)
    land_x, land_z, seen = cast(heights, 0.115, 0.30, 0.06, 2.2)
    parts = sunshine(heights + ripples, (-0.9, 0.33, 0.1))
    sun, up = (sample(part, land_x, land_z) for part in parts)
    light = sun[..., None] * rgb("ffd9a0") * 2.5 + rgb("7484bc") * (0.25 + 0.3 * up[..., None])
    sky = gradient(Y, {0.0: "3f6fae", 0.2: "a9bfd0", 0.31: "f6d9b0"}) * 0.9
    haze = 1 - np.exp(-((land_z / 1.6) ** 1.5))
    return develop(mix(sky, mix(light * rgb("e0a060"), sky, haze), seen), rng)


def misty_mountains(rng: Generator) -> Image.Image:
    """Show ranges at dawn with mist in the valleys."""
    heights = eroded(rng, 5, 8) * 0.14
    land_x, land_z, seen = cast(heights, 0.165, 0.43, 0.2, 3.0)
    near_sun = glow(-0.22, 0.33, 0.5)
    sky = gradient(Y, {0.0: "3d5a8c", 0.25: "a8a9bd", 0.46: "f3cdaa"})
    veil = smooth(0.0, 0.9, clouds(fractal(rng, 6, 6), 0.47, 0.06))
    sky = mix(sky, rgb("ffc8a8") * (0.8 + 0.6 * near_sun[..., None]), veil * 0.6)
    sky = mix(sky, rgb("ffc078") * 1.3, near_sun * 0.75)
    sky += 14 * glow(-0.22, 0.33, 0.02)[..., None] * rgb("ffd9a0")
    sun, _ = (sample(part, land_x, land_z) for part in sunshine(heights, (-0.6, 0.3, 0.6)))
    woods = rgb("152428") + sun[..., None] * rgb("ffc890") * 0.22
    valley = np.exp(-(sample(heights, land_x, land_z) + 0.12) / 0.05)
    haze = mix(rgb("93a3c8") * 0.8, rgb("ffbd85") * 1.15, np.clip(near_sun * 1.1, 0, 1))
    mist = 1 - np.exp(-land_z * (0.3 + 1.9 * valley))
    return develop(mix(sky, mix(woods, haze, mist), seen), rng)


def sea_sunset(rng: Generator) -> Image.Image:
    """Show the sun above the horizon, and its path on the water."""
    horizon, sun_x, sun_y = 0.56, 0.12, 0.5
    sun = glow(sun_x, sun_y, 0.45)
    sky = gradient(Y, {0: "24376f", 0.22: "6f6a9f", 0.38: "d98f87", 0.5: "ffa558", 1: "ffb45a"})
    cover = fractal(rng, 3, 8)
    veil, lower = (clouds(np.roll(cover, rows, axis=0), horizon, 0.09) for rows in (0, 12))
    fire = mix(rgb("ff6a4a"), rgb("ffd08a"), sun) * (0.5 + 1.1 * sun[..., None])
    fire = mix(fire, rgb("4a3f66"), smooth(0.0, 1.0, lower) * (1 - 0.6 * sun))
    sky = mix(sky, fire, smooth(-0.2, 0.7, veil) * 0.85)
    sky = mix(sky, rgb("ffb468") * 1.4, sun**3 * 0.6)
    disc = smooth(0.031, 0.028, np.hypot(X - sun_x, Y - sun_y))
    sky += (glow(sun_x, sun_y, 0.09) + 20 * disc)[..., None] * rgb("ffc878")
    below = np.maximum(Y - horizon, 0.0005)
    depth = 0.14 / below
    tilt = sample(fractal(rng, 24, 7), X * depth * 0.5, depth * 1.5) * smooth(0.0, 0.05, below)
    mirrored = mirror(sky, horizon, horizon - 0.8 * below - 0.16 * np.abs(tilt), X + 0.06 * tilt)
    water = mix(rgb("123456") * 0.5, mirrored, np.clip(0.9 - 1.3 * below + 0.3 * tilt, 0.15, 1))
    path = np.exp(-(((X - sun_x) / (0.03 + 0.22 * below)) ** 2) - 2.5 * below)
    water += (path * smooth(0.1, 0.9, tilt + 0.25))[..., None] * rgb("ffc070") * 3
    return develop(mix(sky, water, horizon < Y), rng)


def curtain(rng: Generator, foot: float, tall: float) -> Array:
    """Return the light of one fold of an aurora that ends at the row `foot`."""
    sway, rays = fractal(rng, 2, 3), fractal(rng, 20, 6)[0]
    above = foot + 0.14 * sample(sway, X / 3, X * 0) - Y
    ray = np.clip(0.5 + 0.6 * rays[((X / 4 + above * 0.06) * MAP).astype(int) % MAP], 0.05, 1.5)
    fall = np.where(above > 0, np.exp(-above / (tall * (0.4 + ray))), np.exp(above / 0.014))
    fade = smooth(-0.5, 0.6, sample(sway, X / 2.5, X * 0 + 0.5))
    hue = gradient(above, {0.0: "3df59a", 0.1: "2fc79a", 0.2: "4a5cc8", 0.36: "6a34a8"})
    return (fall * ray * fade)[..., None] * hue


def aurora(rng: Generator) -> Image.Image:
    """Show northern lights over a lake in the woods."""
    shore, count = 0.72, W * H // 900
    sky = gradient(Y, {0.0: "050917", 0.4: "0c1936", 0.72: "1f4356"})
    y, x = rng.integers(0, H - 2, count), rng.integers(0, W - 2, count)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):  # stars
        sky[y + dy, x + dx] += np.minimum(default_rng(7).pareto(1.3, (count, 1)) * 0.08, 3)
    for foot, tall, strength in ((0.36, 0.10, 0.9), (0.5, 0.07, 0.6), (0.56, 0.05, 0.35)):
        sky += curtain(rng, foot, tall) * strength
    hills = shore - 0.05 - 0.09 * np.abs(sample(fractal(rng, 3, 6), X[:1] / 3, X[:1] * 0))[0]
    sky = mix(sky, rgb("0f2634"), smooth(-0.001, 0.001, Y - hills))
    banks = shore - 0.004 - 0.03 * smooth(0.2, 0.75, np.abs(X[0]))
    scene = mix(sky, rgb("03070b"), spruces(rng, banks, 260, 0.14))
    depth = 0.1 / np.maximum(Y - shore, 0.003)
    ripple = sample(fractal(rng, 24, 6), X * depth * 0.5, depth * 2) * smooth(0, 0.1, Y - shore)
    mirrored = mirror(scene, shore, 2 * shore - Y + 0.012 * ripple) * rgb("c0cfdd")
    return develop(mix(scene, mirrored, shore < Y), rng, exposure=2.4)


def alpine_winter(rng: Generator) -> Image.Image:
    """Show peaks in the last light above woods in the shade."""
    rise = smooth(0.25, 0.8, np.arange(MAP, dtype=np.float32)[:, None] / MAP)
    heights = (eroded(rng, 4, 8) * 0.22 + 0.16) * rise
    land_x, land_z, seen = cast(heights, 0.03, 0.66, 0.25, 0.98)
    sun, up = (sample(part, land_x, land_z) for part in sunshine(heights, (-0.8, 0.3, -0.5)))
    patches = 0.12 * sample(fractal(rng, 64, 5), land_x, land_z)
    ground = mix(rgb("4a4650"), rgb("f4f6ff"), smooth(0.45, 0.65, up + patches))
    ground *= sun[..., None] * rgb("ff9a68") * 1.7 + rgb("6f8cd0") * (0.2 + 0.3 * up[..., None])
    sky = gradient(Y, {0.0: "2f539a", 0.3: "869dd0", 0.55: "f0b4ac"}) * 0.9
    sky = mix(sky, rgb("ffc0a8"), smooth(0.1, 1, clouds(fractal(rng, 4, 7), 0.7, 0.08)) * 0.7)
    scene = mix(sky, mix(ground, rgb("a9b3dc"), smooth(0.3, 2.0, land_z)), seen)
    for row, size, colour in ((0.84, 0.1, "55699a"), (0.92, 0.16, "31426a"), (1, 0.3, "141f36")):
        scene = mix(scene, rgb("aebce0") * 0.7, 0.75 * smooth(row - 0.2, row, Y))
        base = row + 0.05 * sample(fractal(rng, 3, 4), X[:1] / 3, X[:1] * 0)[0]
        scene = mix(scene, rgb(colour), spruces(rng, base, int(26 / size), size))
    return develop(scene, rng)


SCENES = {
    "3bea29ccabbbf64bdebcc055319c5745/1.jpg": misty_mountains,
    "3bea29ccabbbf64bdebcc055319c5745/2.jpg": sea_sunset,
    "3bea29ccabbbf64bdebcc055319c5745/3.jpg": aurora,
    "af1ad8c76fda2e48ea9aed2937e972ea/1.jpg": dunes,
    "af1ad8c76fda2e48ea9aed2937e972ea/2.jpg": alpine_winter,
}


def main(target: Path) -> None:
    """Write every photograph below a directory."""
    for name, scene in SCENES.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        scene(default_rng(1)).save(path, quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_TARGET)
