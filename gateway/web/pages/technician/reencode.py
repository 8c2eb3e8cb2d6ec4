"""A program that decodes one photo and encodes it anew, run apart with little memory and time: what hides in a picture
harms nobody else.

Standard input: the file; argument: the most pixels a side. Standard output: one line of JSON, the size, and a JPEG of
at most so many, turned as it was held, with nothing else in it: no place, no camera, no comment. Exit status: see
`Failure`.
"""

import io
import json
import resource
import sys

FORMATS = ("JPEG", "PNG", "WEBP")
SIDE = 2048  # pixels, of a photo of a visit
PIXELS = 64_000_000  # more than a phone's camera has; counted before anything is decoded
MEMORY = 1024 * 1024 * 1024  # bytes, for 64 million pixels of four bytes and what they become
SECONDS = 20
NOT_A_PHOTO, TOO_MANY_PIXELS, BROKEN = 3, 4, 5  # exit status


def main(side: int) -> int:
    from PIL import Image, ImageOps, UnidentifiedImageError

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    Image.MAX_IMAGE_PIXELS = None  # counted here: a warning would not stop it
    try:
        image = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=FORMATS)
    except (UnidentifiedImageError, ValueError, OSError, SyntaxError):
        return NOT_A_PHOTO
    if image.width * image.height > PIXELS:
        return TOO_MANY_PIXELS
    try:
        image.draft("RGB", (side, side))  # a large JPEG is decoded at a fraction of its size
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((side, side))
        plain = Image.new("RGB", upright.size, "white")  # what was transparent
        plain.paste(upright.convert("RGB"), mask=upright.getchannel("A") if "A" in upright.getbands() else None)
    except (OSError, ValueError, SyntaxError, MemoryError, EOFError):
        return BROKEN
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=82, optimize=True)
    sys.stdout.buffer.write(json.dumps({"width": plain.width, "height": plain.height}).encode() + b"\n")
    sys.stdout.buffer.write(out.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
