// Runs before the page so that it is never shown in the wrong colors.
"use strict";
try {
  const theme = localStorage.getItem("k8s-gateway.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's colors.
}
