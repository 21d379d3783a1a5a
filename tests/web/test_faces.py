"""Faces in residents' photos are hidden before anything is kept; then a photo may be shown."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import Engine, select, update

from hub.cases.tables import Case, CaseEvent, CasePhoto
from tests.web import seed
from tests.web.conftest import NOW, Reader
from web import residents
from web.console import WebError

Open = Callable[[str], Reader]
SHARP = 0.7
"""What the judge holds for a face; the blurrer hides what is far less sure."""


def faces(image: np.ndarray, yunet: Path) -> int:
    """How many a judge of its own sees, at full size and half of it."""
    judge, most = cv2.FaceDetectorYN.create(str(yunet), "", (320, 320), SHARP), 0
    for size in (image.shape[1::-1], (image.shape[1] // 2, image.shape[0] // 2)):
        judge.setInputSize(size)
        _, found = judge.detect(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        most = max(most, len(found) if np.ndim(found) == 2 else 0)
    return most


def send(browser: Reader, jpeg: bytes) -> str:
    told = {
        "csrf_token": browser.token("/report"), "kind": "lighting", "where": "garden/courtyard",
        "text": "The lamp is out", "photos": (io.BytesIO(jpeg), "people.jpg"),
    }  # fmt: skip
    answer = browser.client.post("/report", data=told, content_type="multipart/form-data")
    return answer.headers["Location"]


def kept(engine: Engine, data: Path) -> tuple[str, str, bytes]:
    with engine.connect() as connection:
        case, ref = connection.execute(select(CasePhoto.case, CasePhoto.ref)).one()
    return case, ref, (data / f"cases/pictures/garden/{case}/{ref}.jpg").read_bytes()


def test_faces_in_a_photo_are_hidden_and_staff_may_put_it_on_the_board_and_take_it_off(
    app: Flask, reader: Open, engine: Engine, data: Path, shared: Path
) -> None:
    yunet = shared / "models" / "yunet_n_320.onnx"
    residents.install_faces(app, str(yunet))
    crowd = next((shared / "training" / "coco128" / "images").rglob("000000000036.jpg"))
    photo = np.asarray(cv2.imread(str(crowd)))
    large = cv2.resize(photo, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    assert faces(large, yunet) > 0
    resident, staff = reader(""), reader("operator")
    assert "Faces are blurred before a photo is kept" in resident.client.get("/report").text
    link = send(resident, cv2.imencode(".jpg", large)[1].tobytes())
    case, ref, jpeg = kept(engine, data)
    after = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
    assert faces(after, yunet) == 0
    path = f"/board/{case}/{ref}.jpg"
    assert resident.client.get(path).status_code == 404

    def put(shown: str) -> None:
        staff.post(f"/cases/{case}/photo", page="/cases", ref=ref, shown=shown)

    put("yes")
    assert path in resident.client.get("/board").text
    assert path in resident.client.get(link).text
    with resident.client.get(path) as answer:
        assert answer.data == jpeg
    small = resident.client.get(f"{path}?small=1")
    assert f"{path}?small=1" in resident.client.get("/board").text
    assert max(Image.open(io.BytesIO(small.data)).size) == 640
    assert len(small.data) < len(jpeg) / 2
    again = {"If-None-Match": small.headers["ETag"]}
    assert resident.client.get(f"{path}?small=1", headers=again).status_code == 304
    put("no")
    assert resident.client.get(f"{path}?small=1", headers=again).status_code == 404
    assert path not in resident.client.get("/board").text
    assert resident.client.get(path).status_code == 404
    with engine.connect() as connection:
        events = list(connection.scalars(select(CaseEvent.kind).order_by(CaseEvent.id)))
    assert events == ["received", "photo-shown", "photo-hidden"]


def test_a_photo_whose_faces_were_not_looked_for_stays_with_the_staff(
    reader: Open, engine: Engine, data: Path
) -> None:
    told, staff = seed.case(engine, data, NOW), reader("operator")
    page = staff.client.get(f"/cases/{told['case']}").text
    assert "faces not blurred: only staff see it" in page
    assert "linli models pull yunet" in page
    assert "Show it on the board" not in page
    staff.post(f"/cases/{told['case']}/photo", page="/cases", ref=told["photo"], shown="yes")
    assert reader("").client.get(f"/board/{told['case']}/{told['photo']}.jpg").status_code == 404
    assert "faces are not blurred" in reader("").client.get("/report").text


def test_a_photo_of_a_report_that_waits_for_a_look_is_on_no_board(
    reader: Open, engine: Engine, data: Path
) -> None:
    told = seed.shown_case(engine, data, NOW)
    path = f"/board/{told['case']}/{told['photo']}.jpg"
    with reader("").client.get(path) as answer:
        assert answer.status_code == 200
    asked = f"/open311/v2/requests/{told['code']}.json"
    assert reader("").client.get(asked).json[0]["media_url"].endswith(path)  # type: ignore[index]
    with engine.begin() as connection:
        connection.execute(update(Case).values(held="spam: x"))
    assert reader("").client.get(path).status_code == 404


def test_a_fetched_model_is_used_without_a_setting_or_a_restart(
    reader: Open, models: Path, shared: Path
) -> None:
    resident, staff = reader(""), reader("operator")
    assert "faces are not blurred" in resident.client.get("/report").text
    assert "`linli models pull yunet`" in staff.client.get("/cases").text
    (models / "yunet_n_320.onnx").write_bytes(b"cut off")
    assert "is not yunet: its sha256" in staff.client.get("/cases").text
    shutil.copy(shared / "models" / "yunet_n_320.onnx", models)
    assert "Faces are blurred before a photo is kept" in resident.client.get("/report").text
    assert "stay with the staff here" not in staff.client.get("/cases").text


def test_a_face_model_that_cannot_be_loaded_is_said_before_anybody_reports(
    app: Flask, tmp_path: Path
) -> None:
    with pytest.raises(WebError, match=r"gone\.onnx is no YuNet model .* models pull yunet"):
        residents.install_faces(app, str(tmp_path / "gone.onnx"))
