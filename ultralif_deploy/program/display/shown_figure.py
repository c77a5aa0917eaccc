"""A figure that notebooks show by itself; this module needs matplotlib."""

from io import BytesIO

from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure outside pyplot, so that nothing keeps it and no window opens."""

    def _repr_png_(self) -> bytes:
        """The figure as a PNG file, which notebooks ask for."""
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
