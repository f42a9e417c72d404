"""The picture of the flights report: an SVG written with nothing but the standard library."""

from html import escape

WIDTH, MARGIN = 960, 60
CURVE_HEIGHT, BAR_HEIGHT = 260, 22
INK, FAINT, ACCENT, MARK = "#22303c", "#d9dfe4", "#2a7f9e", "#c8443a"


def draw(title, curve, bars, marks):
    """Return an SVG: ``curve`` holds pairs (day, minutes), ``bars`` pairs (name, minutes), ``marks`` days."""
    top = MARGIN + 30
    bars_top = top + CURVE_HEIGHT + 80
    height = bars_top + BAR_HEIGHT * len(bars) + MARGIN // 2
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'font-family="sans-serif" font-size="12" fill="{INK}">',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            text(MARGIN, 36, title, size=20),
            text(MARGIN, top - 14, "Mean departure delay of each day, in minutes"),
            *draw_curve(curve, marks, top),
            text(MARGIN, bars_top - 14, "Mean departure delay per carrier, in minutes"),
            *draw_bars(bars, bars_top),
            "</svg>\n",
        ]
    )


def text(x, y, content, size=12, anchor="start"):
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(str(content))}</text>"


def draw_curve(curve, marks, top):
    known = [(number, day, minutes) for number, (day, minutes) in enumerate(curve) if minutes is not None]
    low = min(0, *(minutes for _, _, minutes in known))
    high = max(1, *(minutes for _, _, minutes in known))

    def x(number):
        return MARGIN + number / max(1, len(curve) - 1) * (WIDTH - 2 * MARGIN)

    def y(minutes):
        return top + (high - minutes) / (high - low) * CURVE_HEIGHT

    for minutes in range(0, int(high) + 1, 20):
        yield f'<path d="M{MARGIN} {y(minutes):.1f}H{WIDTH - MARGIN}" stroke="{FAINT}"/>'
        yield text(MARGIN - 8, y(minutes) + 4, minutes, anchor="end")
    for number, (day, _) in enumerate(curve):
        if day.endswith("-01"):
            yield text(x(number), top + CURVE_HEIGHT + 22, day[:7])
    points = " ".join(f"{x(number):.1f},{y(minutes):.1f}" for number, _, minutes in known)
    yield f'<polyline points="{points}" fill="none" stroke="{ACCENT}" stroke-width="1.5"/>'
    for number, day, minutes in known:
        if day in marks:
            yield f'<circle cx="{x(number):.1f}" cy="{y(minutes):.1f}" r="4" fill="{MARK}"/>'
            yield text(x(number) + 7, y(minutes) + 4, day)


def draw_bars(bars, top):
    left = 260
    longest = max(1, *(minutes for _, minutes in bars))
    for number, (name, minutes) in enumerate(sorted(bars, key=lambda bar: -bar[1])):
        y = top + number * BAR_HEIGHT
        width = max(0, minutes) / longest * (WIDTH - MARGIN - left - 50)
        yield text(left - 10, y + 14, name, anchor="end")
        yield f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT - 6}" fill="{ACCENT}"/>'
        yield text(left + width + 6, y + 13, f"{minutes:.1f}")
