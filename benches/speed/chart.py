"""Bar charts as SVG."""

from xml.sax.saxutils import escape

COLOURS = ("#1a5fb4", "#c64600", "#9a9996")
BAR, GAP, LEFT, WIDTH, RIGHT = 14, 12, 190, 420, 70


def text(x, y, content, extra=""):
    return f'<text x="{x}" y="{y}" {extra}>{escape(content)}</text>'


def bars(title, names, rows):
    """Horizontal bars: one group for each row, (label, values), one bar for each name. 0 is no bar."""
    longest = max((value for _, values in rows for value in values), default=0) or 1
    parts = [text(10, 22, title, 'font-weight="bold"')]
    x = LEFT
    for name, colour in zip(names, COLOURS):
        parts.append(f'<rect x="{x}" y="34" width="{BAR}" height="{BAR}" fill="{colour}"/>')
        parts.append(text(x + BAR + 6, 46, name))
        x += 110
    y = 62
    for label, values in rows:
        parts.append(text(LEFT - 10, y + BAR * len(values) / 2 + 4, label, 'text-anchor="end"'))
        for value, colour in zip(values, COLOURS):
            length = WIDTH * value / longest
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}"/>'
            )
            parts.append(
                text(
                    f"{LEFT + length + 5:.1f}",
                    y + 10,
                    f"{value:.3g}" if value else "-",
                    'font-size="10"',
                )
            )
            y += BAR
        y += GAP
    width = LEFT + WIDTH + RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
