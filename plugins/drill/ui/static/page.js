// The theme is Airflow's own: its page, which frames this one, carries it as a class. And what runs is looked at again.
"use strict";

function theme() {
  const framed = window.parent !== window && window.parent.document.documentElement;
  const dark = framed ? framed.classList.contains("dark") : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

theme();
if (window.parent !== window) {
  new MutationObserver(theme).observe(window.parent.document.documentElement, { attributeFilter: ["class"] });
}

document.addEventListener("DOMContentLoaded", () => {
  const again = Number(document.body.dataset.againS);
  if (again) {
    setInterval(() => document.visibilityState === "visible" && location.reload(), again * 1000);
  }
});
