"""What replaces a call, whatever it is shown as."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Urls:
    """Where Docker Hub is. Tests have it elsewhere."""

    hub: str = "https://hub.docker.com"
    registry: str = "https://registry-1.docker.io"
    auth: str = "https://auth.docker.io"
    images: str = "docker.io"
    """What skopeo and its like put in front of a repository."""


DOCKERS = Urls()


@dataclass(frozen=True, slots=True)
class Snippet:
    """A whole script. It fails, with nothing on its output, where it cannot do all it is for."""

    title: str
    """The tool it is written for; those for the shell may need jq too."""
    language: str
    """`bash` or `python`."""
    code: str


@dataclass(frozen=True, slots=True)
class Field:
    """What became of a field of v1's answer."""

    old: str
    new: str
    """Empty where nothing takes its place."""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A call to v1, and what to do instead; unknown names are in capitals."""

    old: str
    """URL of the call as it is made now."""
    new: str
    """URL of the v2 call to make instead; empty where there is none."""
    instead: str
    """What to do, as a sentence."""
    lost: str
    """What happened to the call, and what does not come back."""
    line: str = ""
    """A replacement that is one line and gives the whole answer; empty where there is none."""
    snippets: tuple[Snippet, ...] = ()
    """Empty where no call replaces the old one."""
    others: tuple[str, ...] = ()
    """The same with further tools, one line each."""
    fields: tuple[Field, ...] = ()
    notes: tuple[str, ...] = ()
    """What to look out for."""

    @property
    def shortest(self) -> str:
        """The shortest code that gives the whole answer; empty where no call replaces the old."""
        codes = (snippet.code for snippet in self.snippets)
        return self.line or min(codes, key=lambda code: code.count("\n"), default="")
