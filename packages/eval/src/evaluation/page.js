// Still films for those who want no motion; values of a chart under the pointer.
if (matchMedia("(prefers-reduced-motion: reduce)").matches)
  document.querySelectorAll("video").forEach(video => { video.autoplay = false; video.pause(); });
document.querySelectorAll(".chart:has(script)").forEach(chart => {
  const data = JSON.parse(chart.querySelector("script").textContent);
  const plot = chart.querySelector(".plot"), cursor = chart.querySelector(".cursor"), out = chart.querySelector("output");
  const [low, high] = data.range;
  const number = v => data.percent ? (100 * v).toFixed(1) + "%" : Number(v.toPrecision(4)).toString();
  plot.addEventListener("pointermove", event => {
    const box = plot.getBoundingClientRect(), at = low + (event.clientX - box.left) / box.width * (high - low);
    const nearest = steps => steps.reduce((best, s, i) => Math.abs(s - at) < Math.abs(steps[best] - at) ? i : best, 0);
    const step = data.lines[0][1][nearest(data.lines[0][1])], place = (step - low) / (high - low);
    out.textContent = [step.toLocaleString("en", {maximumFractionDigits: 1}) + " " + data.unit,
      ...data.lines.map(([label, steps, values]) => number(values[nearest(steps)]) + "  " + label)].join("\n");
    cursor.style.left = 100 * place + "%";
    out.style.left = place < .5 ? "calc(" + 100 * place + "% + 10px)" : "auto";
    out.style.right = place < .5 ? "auto" : "calc(" + 100 * (1 - place) + "% + 10px)";
    cursor.hidden = out.hidden = false;
  });
  plot.addEventListener("pointerleave", () => { cursor.hidden = out.hidden = true; });
});
