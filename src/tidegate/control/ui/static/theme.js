// The colours that this browser was set to, before anything is drawn. Without a choice, those of the system.
try {
  const chosen = localStorage.getItem("tidegate-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // a browser that keeps nothing follows its system
}
