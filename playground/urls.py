from django.urls import URLPattern, URLResolver, path

from playground import acting, sent_pages, streaming, views

app_name = "playground"
urlpatterns: list[URLPattern | URLResolver] = [
    path("playground/", views.new, name="new"),
    path("playground/", views.new, name="home"),
    path("playground/latest/", views.latest, name="latest"),
    path("playground/sessions/", views.sessions, name="sessions"),
    path("playground/models/", views.models, name="models"),
    path("playground/columns/", acting.columns, name="columns"),
    path("playground/code/", views.code, name="code"),
    path("playground/sent/", sent_pages.sent, name="sent"),
    path("playground/run/", streaming.run, name="run"),
    path("playground/answers/<uuid:answer_id>/", streaming.answer, name="answer"),
    path("playground/answers/<uuid:answer_id>/sent/", sent_pages.sent_for, name="sent-for"),
    path("playground/<uuid:session_id>/", views.session, name="session"),
    path("playground/<uuid:session_id>/toolbar/", views.toolbar, name="toolbar"),
    path("playground/<uuid:session_id>/history/", views.history, name="history"),
    path("playground/<uuid:session_id>/vote-bar/", views.vote_bar, name="vote-bar"),
    path("playground/<uuid:session_id>/stop/", streaming.stop, name="stop"),
    path("playground/<uuid:session_id>/rename/", acting.rename, name="rename"),
    path("playground/<uuid:session_id>/pin/", acting.pin, name="pin"),
    path("playground/<uuid:session_id>/share/", acting.share, name="share"),
    path("playground/<uuid:session_id>/reveal/", acting.reveal, name="reveal"),
    path("playground/<uuid:session_id>/vote/", acting.vote, name="vote"),
    path("playground/<uuid:session_id>/delete/", acting.delete, name="delete"),
]
