// For whoever writes site.yaml: a click on the plan says where it was, in the drawing's units.
export function startPointing() {
  for (const line of document.querySelectorAll(".pointed")) {
    const plan = line.previousElementSibling;
    const put = line.querySelector("output");
    line.hidden = false;
    plan.addEventListener("click", (event) => {
      if (event.target.closest("a")) return;
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plan.getScreenCTM().inverse());
      put.textContent = `${line.dataset.say} at: [${Math.round(at.x)}, ${Math.round(at.y)}]`;
    });
  }
}
