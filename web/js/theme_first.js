// Runs before anything is drawn, so that a chosen theme does not flash. The rest is in theme.js.
try {
  const theme = localStorage.getItem("sermo:theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // storage is forbidden: the system's theme
}
