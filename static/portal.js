// Copy buttons, which show only where the browser allows copying; filters that apply as soon as they are changed, folded on
// a narrow screen as long as none is chosen.
(function () {
  "use strict";
  function copyButtons(root) {
    if (!navigator.clipboard) return;
    root.querySelectorAll("button[data-copy]").forEach(function (button) {
      button.hidden = false;
    });
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("button[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      var word = button.querySelector("[data-word]");
      word.textContent = "Copied";
      window.setTimeout(function () { word.textContent = "Copy"; }, 2000);
    });
  });
  document.addEventListener("change", function (event) {
    var select = event.target.closest("form[data-instant] select");
    if (select) select.form.requestSubmit();
  });
  document.addEventListener("DOMContentLoaded", function () {
    copyButtons(document);
    var box = document.querySelector(".filter-box[data-idle]");
    if (box && window.matchMedia("(max-width: 47.99rem)").matches) box.open = false;
  });
})();
