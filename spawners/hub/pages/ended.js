// How and why the last session ended, when the hub knows.
require(["jhapi"], (JHAPI) => {
  const place = document.getElementById("lesesal-last");
  const part = (name) => place.querySelector(`[data-part="${name}"]`);
  new JHAPI(window.jhdata.base_url).api_request(`session/${place.dataset.user}/${place.dataset.server}`, {
    success: ({ last }) => {
      if (!last) { return; }
      const { _, clockAt } = window.lesesal;
      const ended = _("Your last session ended {when}.", { when: clockAt(last.at) });
      part("sentence").textContent = `${ended} ${last.sentence}`;
      part("detail").textContent = last.detail;
      place.querySelector("details").hidden = !last.detail;
      document.getElementById("start").textContent = _("Start again");
    },
    error: () => {}, // the page already says what is certain
  });
});
