(() => {
  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const groups = [...document.querySelectorAll("section.path")];
  const claims = [...document.querySelectorAll("details.claim")];
  const texts = new Map();
  const text = (claim) => {
    if (!texts.has(claim)) texts.set(claim, claim.textContent.toLowerCase());
    return texts.get(claim);
  };
  const filter = () => {
    const data = new FormData(form);
    const verdicts = data.getAll("verdict");
    const words = data.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (claim) => verdicts.includes(claim.dataset.verdict) &&
      ["level", "path"].every((name) => !data.get(name) || data.get(name) === claim.dataset[name]) &&
      (!data.get("column") || claim.dataset.columns.split("\n").includes(data.get("column"))) &&
      words.every((word) => text(claim).includes(word));
    let n = 0;
    for (const claim of claims) {
      claim.hidden = !wanted(claim);
      n += claim.hidden ? 0 : 1;
    }
    for (const group of groups) group.hidden = !group.querySelector("details.claim:not([hidden])");
    shown.textContent = n + " of " + claims.length + " claims shown";
  };
  const follow = () => {
    const target = document.getElementById(location.hash.slice(1));
    const claim = target && target.closest("details.claim");
    if (!claim) return;
    if (claim.hidden) form.reset(), filter();
    claim.open = true;
    claim.scrollIntoView();
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.getElementById("toggle").addEventListener("click", () => {
    const visible = claims.filter((claim) => !claim.hidden);
    const open = visible.some((claim) => !claim.open);
    for (const claim of visible) claim.open = open;
  });
  addEventListener("hashchange", follow);
  form.hidden = false;
  filter();
  follow();
})();
