import type { Page } from "playwright-core";

/** Draws a lake at sunrise in the browser and returns it as a JPEG. */
export async function drawLake(page: Page, width = 1200, height = 900): Promise<Buffer> {
  const base64 = await page.evaluate(
    ([width, height]) => {
      const canvas = document.createElement("canvas");
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      let seed = 7;
      const random = () => {
        seed = (seed * 16807) % 2147483647;
        return seed / 2147483647;
      };
      const gradient = (from: number, to: number, colours: string[]) => {
        const fill = context.createLinearGradient(0, from, 0, to);
        colours.forEach((colour, index) => {
          fill.addColorStop(index / (colours.length - 1), colour);
        });
        return fill;
      };
      const shore = height * 0.6;
      const sun = { x: width * 0.63, y: shore - height * 0.1 };

      context.fillStyle = gradient(0, shore, ["#3d4f7c", "#8a6f93", "#e0907a", "#ffc98a"]);
      context.fillRect(0, 0, width, shore);
      const glow = context.createRadialGradient(sun.x, sun.y, 0, sun.x, sun.y, width * 0.42);
      glow.addColorStop(0, "rgb(255 246 214 / 1)");
      glow.addColorStop(0.07, "rgb(255 238 190 / 0.95)");
      glow.addColorStop(0.2, "rgb(255 214 150 / 0.5)");
      glow.addColorStop(1, "rgb(255 190 130 / 0)");
      context.fillStyle = glow;
      context.fillRect(0, 0, width, shore);

      for (const [layer, colour] of ["#c98583", "#94667a", "#5f4c68", "#3a3550"].entries()) {
        const base = shore - height * (0.16 - layer * 0.045);
        context.beginPath();
        context.moveTo(0, shore);
        for (let x = 0; x <= width; x += 4) {
          const wave = Math.sin(x / (150 - layer * 18) + layer * 2.1) + 0.5 * Math.sin(x / (57 - layer * 5) + layer);
          context.lineTo(x, base - wave * height * 0.024 + (random() - 0.5) * (layer > 1 ? 5 : 1.5));
        }
        context.lineTo(width, shore);
        context.fillStyle = colour;
        context.fill();
      }

      context.fillStyle = gradient(shore, height, ["#e9a583", "#a9738a", "#4b4a73", "#252c4d"]);
      context.fillRect(0, shore, width, height - shore);
      for (let line = 0; line < 900; line += 1) {
        const depth = random() ** 1.4;
        const y = shore + depth * (height - shore);
        const near = Math.exp(-(((random() - 0.5) * 5) ** 2));
        const x = sun.x + (random() - 0.5) * width * (0.1 + depth * 0.5) * (1.2 - near);
        context.fillStyle = `rgb(255 ${205 + random() * 40} 160 / ${(0.34 - depth * 0.22) * random()})`;
        context.fillRect(x, y, 14 + random() * 60 * (0.4 + depth), 1 + depth * 3);
      }

      // Draws a boat, because a message in the screenshots mentions one.
      context.fillStyle = "#1e1a2b";
      const [x, y, unit] = [width * 0.3, shore + height * 0.15, width / 60];
      context.beginPath();
      context.moveTo(x - 4 * unit, y);
      context.quadraticCurveTo(x, y + 2.2 * unit, x + 4.4 * unit, y - 0.3 * unit);
      context.lineTo(x + 3.4 * unit, y + 1.1 * unit);
      context.quadraticCurveTo(x, y + 2 * unit, x - 3 * unit, y + 1.2 * unit);
      context.fill();
      context.fillRect(x - 0.1 * unit, y - 6 * unit, 0.22 * unit, 7 * unit);
      context.fillStyle = "#f3d9bd";
      context.beginPath();
      context.moveTo(x + 0.3 * unit, y - 5.8 * unit);
      context.quadraticCurveTo(x + 3.6 * unit, y - 2.4 * unit, x + 3.3 * unit, y - 0.6 * unit);
      context.lineTo(x + 0.3 * unit, y - 0.5 * unit);
      context.fill();
      context.fillStyle = "rgb(30 26 43 / 0.35)";
      context.fillRect(x - 3 * unit, y + 1.6 * unit, 6 * unit, 0.25 * unit);

      return canvas.toDataURL("image/jpeg", 0.85).replace(/.*,/, "");
    },
    [width, height] as const,
  );
  return Buffer.from(base64, "base64");
}
